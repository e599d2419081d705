-- The gateway's settings, as config/render.ts wrote them for this start or reload.

local cjson = require "cjson.safe"

local M = {}

local function read_file(path)
    local file, err = io.open(path, "r")
    if not file then
        return nil, "could not open " .. path .. ": " .. err
    end
    local text = file:read("*a")
    file:close()
    return text
end

local function read_json(path)
    local text, err = read_file(path)
    if not text then
        return nil, err
    end
    local value
    value, err = cjson.decode(text)
    if not value then
        return nil, "could not read " .. path .. " as JSON: " .. err
    end
    return value
end

--- Reads the settings named by the environment variable SCOREGATE_GATEWAY, with the
-- observation vocabulary (`.vocabulary`) and the secret (`.secret`) that they point at.
-- Throws when a file is missing or broken: nginx then refuses to start or to reload.
function M.read()
    local path = os.getenv("SCOREGATE_GATEWAY")
    if not path then
        error("SCOREGATE_GATEWAY does not name the gateway's settings; start it with npm start")
    end
    local settings = assert(read_json(path))
    settings.vocabulary = assert(read_json(settings.observations_file))
    settings.secret = assert(read_file(settings.secret_file)):match("%S+")
    settings.tier_index = {}
    for i, name in ipairs(settings.tiers) do
        settings.tier_index[name] = i - 1
    end
    return settings
end

return M
