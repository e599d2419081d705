-- What came of a request to a backend, from nginx's variables. Each has a value for every backend that was asked; as a
-- rule that is one, and then it is read where nginx holds it.

local ffi = require "ffi"
local variable = require "scoregate.variable"

local C = ffi.C
ffi.cdef [[
intptr_t ngx_atoi(const unsigned char *text, size_t size);
intptr_t ngx_atofp(const unsigned char *text, size_t size, size_t point);
]]

local var = ngx.var
local status_of = variable.reader("upstream_status")
local header_time, response_time = variable.reader("upstream_header_time"), variable.reader("upstream_response_time")

local M = { TIMED_OUT = "no answer in time" }
local NO_HTTP = "its answer was no HTTP"
local NO_HEAD = 9 -- nginx takes an answer without a head for one of HTTP/0.9, and calls it good

-- Seconds with three digits behind the point as milliseconds; -1 where there is no such number, or several.
local function single_ms(text, size)
    return size > 0 and tonumber(C.ngx_atofp(text, size, 3)) or -1
end

-- The value for the last backend. One that is about to be picked has none yet: nothing comes behind its ":".
local function last(text)
    local found
    for value in (text or ""):gmatch("[^,:%s]+") do
        found = value
    end
    return found
end

local function ms(text)
    return (tonumber(last(text)) or 0) * 1000
end

local function of_several()
    local header, whole = ms(var.upstream_header_time), ms(var.upstream_response_time)
    if tonumber(last(var.upstream_header_time)) then
        local status = tonumber(last(var.upstream_status))
        return status, not status and NO_HTTP or nil, true, header, whole
    end
    if not tonumber(last(var.upstream_connect_time)) then
        return nil, "no connection", false, header, whole
    end
    local timed_out = last(var.upstream_status) == "504"
    return nil, timed_out and M.TIMED_OUT or "the connection was closed", true, header, whole
end

-- The times are texts that nginx makes anew for who asks: so only for what is of use.
local function of_single(r, by_time)
    local text, size = status_of(r)
    local status = size > 0 and tonumber(C.ngx_atoi(text, size)) or -1
    -- nginx gives one of its own, of 500 and above, to a backend that has not answered: then no header came.
    local header = (by_time or status >= 500) and single_ms(header_time(r)) or 0
    local whole = single_ms(response_time(r))
    if status >= 0 and header >= 0 and whole >= 0 then
        return status, header, whole
    end
end

--- What came of the last try of request `r`: its status, or nil and what happened; whether it was connected; and after
-- how many ms its answer began (0 where it need not be known: `by_time` says that it must) and ended. `before`: nginx
-- has begun with the next backend, it is about the one before.
function M.of(r, before, by_time)
    if not before then
        if ngx.status == NO_HEAD then
            return nil, NO_HTTP, true, 0, 0
        end
        local status, header, whole = of_single(r, by_time)
        if status then
            return status, nil, true, header, whole
        end
    end
    return of_several()
end

--- Whether request `r` has been sent to a backend.
function M.sent(r)
    local _, size = status_of(r)
    return size > 0
end

return M
