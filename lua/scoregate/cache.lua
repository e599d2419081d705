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
local date, age = variable.reader("upstream_http_date"), variable.reader("upstream_http_age")
local show_age = variable.writer_of_kept("cache_age")

local HIT_SIZE = #"HIT" -- no other status is as long
local FROM_CACHE = { STALE = true, UPDATING = true }
local FROM_BACKEND = { MISS = true, EXPIRED = true, BYPASS = true }
local KEPT_AGES = 3600

local M = {}

-- Ages as texts, for those that are asked for again and again.
local ages = {}

local function write_age(r, seconds)
    local kept = ages[seconds]
    if kept then
        return show_age(r, kept)
    elseif seconds < KEPT_AGES then
        ages[seconds] = variable.keep(("%d"):format(seconds))
        return show_age(r, ages[seconds])
    end
    var.cache_age = ("%d"):format(seconds)
end

-- How old an answer from the cache is (RFC 9111, 4.2.3, less the time that it was under way).
local function tell_age(r)
    local found, size = date(r)
    local given_at = size > 0 and tonumber(C.ngx_parse_http_time(found, size)) or -1
    if given_at < 0 then
        return
    end
    local seconds = max(0, time() - given_at)
    found, size = age(r)
    if size > 0 then -- it came from another cache
        ngx.header["Age"] = seconds + max(0, tonumber(C.ngx_atoi(found, size)))
        return
    end
    write_age(r, seconds)
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
-- would have to pass.
local function withhold()
    ngx.ctx.method = var.request_method -- for the log: nginx keeps what was asked for once, details.lua does not
    ngx.req.set_method(ngx.HTTP_HEAD)
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
    if skips.watching then
        skips.find(r)
    end
    local found, size = cache_status(r)
    if size == HIT_SIZE then
        return tell_age(r)
    elseif size == 0 or ngx.is_subrequest then
        return
    end
    local status = ffi.string(found, size)
    if FROM_BACKEND[status] then
        skips.learn(r, status, refused, who)
    elseif must_not_be_given(status) then
        withhold()
    elseif FROM_CACHE[status] then
        tell_age(r)
    end
end

--- The access phase: see skips.lua.
M.look = skips.look

--- When a worker starts, where nginx asks for $cache_remembers.
M.watch = skips.watch

return M
