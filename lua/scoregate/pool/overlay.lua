-- Live changes, kept over a restart: for each tier that was changed, its backends as they were left, and the hash of
-- the pool in scoregate.yaml that they were changes of. Where the file has another pool since, it says what holds.

local cjson = require "cjson.safe"
local observations = require "scoregate.observations"

local file_name = observations.settings.pools_overlay

local M = {}

local function read()
    local file = io.open(file_name, "r")
    if not file then
        return {}
    end
    local text = file:read("*a")
    file:close()
    local all = cjson.decode(text)
    return type(all) == "table" and all or {}
end

--- The backends that live changes have left to a pool; nil when there were none, or they are of another pool, which
-- the second value then says.
function M.read(pool)
    local kept = read()[pool.name]
    if type(kept) ~= "table" or type(kept.backends) ~= "table" then
        return nil, false
    end
    if kept.hash ~= pool.hash then
        return nil, true
    end
    return kept.backends, false
end

-- Returns true, or nil, "could not …".
local function write(all)
    local fresh = file_name .. ".new"
    local file, err = io.open(fresh, "w")
    if not file then
        return nil, "could not keep live changes: " .. err
    end
    local ok
    ok, err = file:write(cjson.encode(all))
    file:close()
    if ok then
        ok, err = os.rename(fresh, file_name)
    end
    if not ok then
        return nil, "could not keep live changes: " .. err
    end
    return true
end

-- What is kept of pools that are still the same.
local function valid(pools)
    local before, now = read(), {}
    for _, pool in pairs(pools) do
        local kept = before[pool.name]
        if kept and kept.hash == pool.hash then
            now[pool.name] = kept
        end
    end
    return now
end

--- Keeps the backends of a pool. Returns true, or nil, "could not …".
function M.keep(pool, backends, pools)
    local all = valid(pools)
    all[pool.name] = { hash = pool.hash, backends = backends }
    return write(all)
end

--- Drops what is of pools that have changed since: it would hold again if they changed back. Returns like keep().
function M.drop(pools)
    return write(valid(pools))
end

return M
