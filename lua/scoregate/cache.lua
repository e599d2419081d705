-- What nginx's cache does not do by itself, in the locations that have one (config/nginx_cache.ts): the age of an
-- answer, too old ones that may not be given, whose answers are not kept (skips.lua) and what is not valid any more
-- (changes.lua).

local ffi = require "ffi"
local changes = require "scoregate.changes"
local kept = require "scoregate.kept"
local skips = require "scoregate.skips"
local validations = require "scoregate.validations"
local variable = require "scoregate.variable"

local C = ffi.C
ffi.cdef [[
long ngx_parse_http_time(const unsigned char *text, size_t size);
intptr_t ngx_atoi(const unsigned char *text, size_t size);
]]

local var, request, time, max = ngx.var, variable.request, ngx.time, math.max

local cache_status = variable.reader("upstream_cache_status")
local show_method, GET = variable.writer_of_kept("request_method"), variable.keep("GET")
-- The age that nginx will say: what the answer says itself, until it is written here.
local age, date = variable.finder("cache_age"), variable.reader("cache_date")

local HIT_SIZE = #"HIT" -- no other status is as long
local FROM_CACHE = { STALE = true, UPDATING = true }
local FROM_BACKEND = { MISS = true, EXPIRED = true, BYPASS = true }
local KEPT_AGES = 3600

local M = {}

local ages = {} -- as texts, those that are asked for again and again
local NO_AGE = variable.keep("")

local function write_age(value, seconds)
    if seconds >= KEPT_AGES then
        var.cache_age = ("%d"):format(seconds)
        return
    end
    local text = ages[seconds] or variable.keep(("%d"):format(seconds))
    ages[seconds] = text
    variable.put(value, text)
end

-- When the answer was given, as its Date says; nil where that says nothing.
local function date_of(r)
    local text, size = date(r)
    local given_at = size > 0 and tonumber(C.ngx_parse_http_time(text, size)) or -1
    return given_at >= 0 and given_at or nil
end

-- Of an answer from the cache: the seconds since it was given (RFC 9111, 4.2.3), and those before, which its own Age
-- tells when it came from another cache; or since the backend said that it has not changed.
local function tell_age(r, who)
    local given_at = date_of(r)
    if not given_at then
        return
    end
    local before = age(r)
    local validated_at = validations.last(r, who, given_at)
    local seconds = max(0, time() - (validated_at or given_at))
    local size = variable.size(before)
    if size > 0 and not validated_at then
        seconds = seconds + max(0, tonumber(C.ngx_atoi(before.data, size)))
    end
    write_age(before, seconds)
end

-- Of one of which the backend has just said so.
local function tell_validated(r, who)
    local given_at = date_of(r)
    if given_at then
        validations.note(r, who, given_at)
    end
    variable.put(age(r), NO_AGE)
end

-- An answer that says so may not be given when it is too old, whatever fails (RFC 9111, 4.2.4), unless it also says
-- for how long it may (RFC 5861). Where no backend has been asked, nothing has failed: it is `stale: updating`.
local function must_not_be_given(status)
    local control = status == "STALE" and var.upstream_status and var.upstream_http_cache_control
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
-- it would be for; `timed`: the location has a time to live for those that do not say theirs.
function M.head(refused, who, timed)
    local r = request()
    local found, size = cache_status(r)
    if size == HIT_SIZE then
        return tell_age(r, who)
    end
    if size == 0 then
        return changes.learn(r)
    end
    local status = ffi.string(found, size)
    if status == "REVALIDATED" then
        return tell_validated(r, who)
    end
    if not FROM_CACHE[status] then
        if FROM_BACKEND[status] then
            if kept.is_unclear() then
                var[refused] = "1" -- nginx looks at it when the header has been sent
            end
            if not ngx.is_subrequest then
                skips.learn(r, status, who, var[refused] == "1" or kept.has_no_time(timed))
            end
        end
    elseif must_not_be_given(status) then
        withhold(r)
        variable.put(age(r), NO_AGE)
    else
        tell_age(r, who)
    end
end

-- Says in $cache_changed when what is asked for was changed: the key has it.
local function show_change()
    local changed_at = changes.last()
    if changed_at then
        var.cache_changed = changed_at
    end
end

--- $cache_skip: a target whose answers are not kept is asked for without waiting (skips.lua).
function M.skip(who)
    show_change()
    return skips.known(who) and "1" or nil
end

--- The same where there is an access phase: one call of Lua less.
function M.look(who)
    show_change()
    if skips.known(who) then
        var.cache_skip = "1"
    end
end

return M
