-- Lines of the access log with headers and the beginnings of bodies, where the configuration asks for them. nginx's
-- own log_format knows no variable for all headers, so such a line is made here whole, of the same fields.

local cjson = require "cjson.safe"
local observations = require "scoregate.observations"

local settings = observations.settings.log
local BYTES = settings.body_bytes
local MOST_HEADERS = 100
local HIDDEN = '"***"'

local masked = {}
for _, name in ipairs(settings.masked) do
    masked[name] = true
end

local M = {}

local function is_utf8(text)
    text = text:gsub("[\194-\223][\128-\191]", "."):gsub("[\224-\239][\128-\191][\128-\191]", ".")
        :gsub("[\240-\244][\128-\191][\128-\191][\128-\191]", ".")
    return not text:find("[\128-\255]")
end

local function escaped(byte)
    return ("\\u00%02x"):format(byte:byte())
end

-- JSON text; what is no UTF-8 is written byte by byte, as \u0080 to \u00ff.
local function quote(text)
    if not text:find('[%c"\\\127-\255]') then
        return '"' .. text .. '"' -- as nearly all are
    end
    local json = cjson.encode(text):gsub("\\/", "/")
    return is_utf8(text) and json or (json:gsub("[\128-\255]", escaped))
end

-- The template in pieces: what stands as it is, then the name of a variable, in turn.
local pieces = {}
for text, name in (settings.template .. "$"):gmatch("([^$]*)%$([%w_]*)") do
    pieces[#pieces + 1] = text
    pieces[#pieces + 1] = name
end

local function fields()
    local var, parts = ngx.var, {}
    for k = 1, #pieces, 2 do
        local name = pieces[k + 1]
        parts[k] = pieces[k]
        parts[k + 1] = name == "" and "" or quote(var[name] or ""):sub(2, -2)
    end
    return table.concat(parts)
end

local function headers(all)
    local names, parts = {}, {}
    for name in pairs(all) do
        names[#names + 1] = name
    end
    table.sort(names)
    for i, name in ipairs(names) do
        local value = all[name]
        value = type(value) == "table" and table.concat(value, ", ") or tostring(value)
        parts[i] = quote(name) .. ":" .. (masked[name:lower()] and HIDDEN or quote(value))
    end
    return "{" .. table.concat(parts, ",") .. "}"
end

-- The beginning of a body, and not half of a letter at its end.
local function beginning(text)
    if #text < BYTES or is_utf8(text) then
        return quote(text)
    end
    local whole = text:gsub("[\194-\244][\128-\191]*$", "")
    return quote(is_utf8(whole) and whole or text)
end

local function request_body()
    local text = ngx.req.get_body_data()
    if text then
        return text:sub(1, BYTES)
    end
    -- one too long for memory is in a file until the request is over
    local file = io.open(ngx.req.get_body_file() or "", "rb")
    if not file then
        return ""
    end
    text = file:read(BYTES)
    file:close()
    return text or ""
end

--- The access phase: reads the body, so that a long one stays in a file that has a name.
function M.read()
    -- ngx_lua reads none over HTTP/2 that does not say how long it is (0.10.26)
    if ngx.req.http_version() < 2 or ngx.var.http_content_length then
        ngx.req.read_body()
    end
end

--- The body filter: keeps the beginning of the answer.
function M.body()
    local ctx, piece = ngx.ctx, ngx.arg[1]
    local kept = ctx.body or ""
    if piece and #piece > 0 and #kept < BYTES then
        ctx.body = kept .. piece:sub(1, BYTES - #kept)
    end
end

--- The log phase: makes the line.
function M.write()
    local parts = { fields() }
    if settings.headers then
        parts[#parts + 1] = '"request_headers":' .. headers(ngx.req.get_headers(MOST_HEADERS))
        local answered = ngx.resp.get_headers(MOST_HEADERS)
        -- ngx_lua derives it from a flag that nginx has cleared by now: it would say "close" of every connection.
        answered.connection = nil
        parts[#parts + 1] = '"response_headers":' .. headers(answered)
    end
    if BYTES > 0 then
        parts[#parts + 1] = '"request_body":' .. beginning(request_body())
        parts[#parts + 1] = '"response_body":' .. beginning(ngx.ctx.body or "")
    end
    ngx.var.log_line = "{" .. table.concat(parts, ",") .. "}"
end

return M
