-- What nginx's cache does not do by itself, in the locations that have one (config/nginx_cache.ts): the age of an
-- answer, too old ones that may not be given, and whose answers are not kept (skips.lua). All of it is in the header
-- filter, which an answer from the cache meets once.

local ffi = require "ffi"
local skips = require "scoregate.skips"
local variable = require "scoregate.variable"

local C = ffi.C
ffi.cdef [[
long ngx_parse_http_time(const unsigned char *text, size_t size);
intptr_t ngx_atoi(const unsigned char *text, size_t size);
]]

local var, request, time, max = ngx.var, variable.request, ngx.time, math.max

local cache_status = variable.reader("upstream_cache_status")
local show_method, GET = variable.writer_of_kept("request_method"), variable.keep("GET")
local find_age = variable.finder("cache_age")

local HIT_SIZE = #"HIT" -- no other status is as long
local SPACE = (" "):byte()
local FROM_CACHE = { STALE = true, UPDATING = true }
local FROM_BACKEND = { MISS = true, EXPIRED = true, BYPASS = true }
local KEPT_AGES = 3600

local M = {}

-- Texts of ages, for those that are asked for again and again; of none, -1.
local ages = { [-1] = variable.keep("") }

local function age_text(seconds)
    local kept = ages[seconds]
    if not kept and seconds < KEPT_AGES then
        kept = variable.keep(("%d"):format(seconds))
        ages[seconds] = kept
    end
    return kept
end

-- The seconds since the answer was given (RFC 9111, 4.2.3), and those before, of which its "AGE DATE" tells when it
-- came from another cache; -1 when there is no date.
local function age_of(text, size)
    local before = 0
    if size > 0 and text[0] ~= SPACE then
        local at = 0
        while at < size and text[at] ~= SPACE do
            at = at + 1
        end
        before = max(0, tonumber(C.ngx_atoi(text, at)))
        text, size = text + at, size - at
    end
    local given_at = size > 1 and tonumber(C.ngx_parse_http_time(text + 1, size - 1)) or -1
    return given_at < 0 and -1 or before + max(0, time() - given_at)
end

-- Of an answer from the cache.
local function tell_age(value)
    local seconds = age_of(value.data, variable.size(value))
    local kept = age_text(seconds)
    if kept then
        return variable.put(value, kept)
    end
    var.cache_age = ("%d"):format(seconds)
end

-- Of an answer of the backend: what it says itself.
local function pass_age(value)
    if value.data[0] == SPACE then
        return variable.put(value, ages[-1])
    end
    var.cache_age = var.upstream_http_age
end

-- An answer that says so may not be given when it is too old, whatever fails (RFC 9111, 4.2.4), unless it also says
-- for how long it may (RFC 5861).
local function must_not_be_given(status)
    local control = status == "STALE" and var.upstream_http_cache_control
    if not control then
        return false
    end
    control = control:lower()
    return (control:find("must-revalidate", 1, true) or control:find("proxy-revalidate", 1, true)
        or control:find("s-maxage", 1, true)) and not control:find("stale-", 1, true)
end

-- Answers 504 in its place. nginx sends no body to HEAD: to change the method takes no body filter, which every answer
-- would have to pass. The log says what it was.
local function withhold(r)
    if ngx.req.get_method() == "GET" then
        ngx.req.set_method(ngx.HTTP_HEAD)
        show_method(r, GET)
    end
    ngx.status = ngx.HTTP_GATEWAY_TIMEOUT
    for _, name in ipairs { "Content-Type", "Content-Encoding", "Cache-Control", "ETag", "Last-Modified", "Expires",
        "Accept-Ranges" } do
        ngx.header[name] = nil
    end
    ngx.header["Content-Length"] = 0
end

--- The header filter. `refused` is the variable that says that the answer is not kept, `who` the one that says whom
-- it would be for.
function M.head(refused, who)
    local r = request()
    local its_age = find_age(r)
    local found, size = cache_status(r)
    if size == HIT_SIZE then
        return tell_age(its_age)
    end
    local status = size > 0 and ffi.string(found, size)
    if not FROM_CACHE[status] then
        pass_age(its_age)
        if FROM_BACKEND[status] and not ngx.is_subrequest then
            skips.learn(r, status, refused, who)
        end
    elseif must_not_be_given(status) then
        withhold(r)
        variable.put(its_age, ages[-1])
    else
        tell_age(its_age)
    end
end

--- The access phase: see skips.lua.
M.look = skips.look

--- When a worker starts, where nginx asks for $cache_remembers.
M.watch = skips.watch

return M
