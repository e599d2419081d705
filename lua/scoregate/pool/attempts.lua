-- The requests that are on their way to a backend, by the number that each has in $pool_attempt: it outlives internal
-- redirects, and a cache's refresh in the background shares it with its request. A number is used again when its
-- request is over, so its text is made once and nothing is looked up by a string.

local ffi = require "ffi"
local key = require "scoregate.key"
local variable = require "scoregate.variable"

local C = ffi.C
ffi.cdef "intptr_t ngx_atoi(const unsigned char *text, size_t size);"

local address = variable.reader("binary_remote_addr")
local read, write = variable.reader("pool_attempt"), variable.writer_of_kept("pool_attempt")

local NONE = {} -- no backend has failed it: most requests need no table for that
local M = { NONE = NONE }

local attempts, texts = {}, {}
local free, count = {}, 0 -- the numbers that are not in use, and how many there are

--- Begins the way of request `r` to a backend of `tier` (an index).
function M.open(r, tier)
    local number
    if count > 0 then
        number, count = free[count], count - 1
    else
        number = #texts + 1
        texts[number] = variable.keep(tostring(number))
    end
    local _, a, b = key.of(address(r))
    local attempt = { number = number, tier = tier, a = a, b = b, tried = NONE, tries = 0 }
    attempts[number] = attempt
    write(r, texts[number])
    return attempt
end

--- The attempt of request `r`, or nil.
function M.of(r)
    local text, size = read(r)
    return size > 0 and attempts[tonumber(C.ngx_atoi(text, size))] or nil
end

--- Forgets an attempt, whose request is over.
function M.close(attempt)
    local number = attempt.number
    attempts[number] = nil
    count = count + 1
    free[count] = number
end

return M
