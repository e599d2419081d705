-- What nginx's cache does not do by itself, in the locations that have one (config/nginx_cache.ts).
--
-- Of the requests for something that is not there one goes to the backend and the others wait for what it brings. If
-- that may not be kept, they would go one after the other: such targets are remembered for a while and do not wait.

local ffi = require "ffi"
local variable = require "scoregate.variable"

local C = ffi.C
ffi.cdef [[
long ngx_parse_http_time(const unsigned char *text, size_t size);
intptr_t ngx_atoi(const unsigned char *text, size_t size);
]]

local skips = ngx.shared.cache_skips
local var, request = ngx.var, variable.request

local cache_status = variable.reader("upstream_cache_status")
local date, age = variable.reader("upstream_http_date"), variable.reader("upstream_http_age")
local cache_for, host = variable.reader("cache_for"), variable.reader("http_host")
local request_uri = variable.reader("request_uri")

local REMEMBERED_S = 10
local FROM_CACHE = { HIT = true, STALE = true, UPDATING = true }

local M = {}

local withheld_now = 0 -- requests of this worker whose answer is withheld

local function text(read, r)
    local found, size = read(r)
    return size > 0 and ffi.string(found, size) or ""
end

local function target(r)
    return text(cache_for, r) .. " " .. text(host, r) .. text(request_uri, r)
end

--- The access phase: a target whose answers are not kept is asked for without waiting.
function M.look()
    if skips:get(target(request())) then
        var.cache_skip = "1"
    end
end

--- The log phase: learns whether the answer may be kept; `refused` is the variable that says not.
function M.learn(refused)
    local r = request()
    if withheld_now > 0 and ngx.ctx.withheld then
        withheld_now = withheld_now - 1
    end
    local status = text(cache_status, r)
    if status == "MISS" or status == "EXPIRED" or status == "BYPASS" then
        if var[refused] == "1" then
            skips:set(target(r), true, REMEMBERED_S)
        elseif status == "BYPASS" then
            skips:delete(target(r))
        end
    end
end

-- An answer that says so may not be given when it is too old, whatever fails (RFC 9111, 4.2.4), unless it also says
-- for how long it may (RFC 5861).
local function withheld(status)
    local control = status == "STALE" and var.upstream_http_cache_control
    if not control then
        return false
    end
    control = control:lower()
    return (control:find("must-revalidate", 1, true) or control:find("proxy-revalidate", 1, true)
        or control:find("s-maxage", 1, true)) and not control:find("stale-", 1, true)
end

-- How old the answer was when the backend gave it: its own Age, when that is a number.
local function age_before(r)
    local found, size = age(r)
    return math.max(0, size > 0 and tonumber(C.ngx_atoi(found, size)) or 0)
end

--- The header filter: the age of what comes from the cache (RFC 9111, 5.1), or 504 where it is withheld.
function M.head()
    local r = request()
    local status = text(cache_status, r)
    if not FROM_CACHE[status] or ngx.is_subrequest then
        return
    end
    if withheld(status) then
        ngx.ctx.withheld = true
        withheld_now = withheld_now + 1
        ngx.status = ngx.HTTP_GATEWAY_TIMEOUT
        for _, name in ipairs { "Content-Length", "Content-Type", "Content-Encoding", "Cache-Control", "ETag",
            "Last-Modified", "Expires", "Accept-Ranges" } do
            ngx.header[name] = nil
        end
        return
    end
    local found, size = date(r)
    local given_at = size > 0 and tonumber(C.ngx_parse_http_time(found, size)) or -1
    if given_at >= 0 then
        ngx.header["Age"] = math.max(0, ngx.time() - given_at) + age_before(r)
    end
end

--- The body filter: nothing of what is withheld.
function M.body()
    if withheld_now > 0 and ngx.ctx.withheld then
        ngx.arg[1] = nil
    end
end

return M
