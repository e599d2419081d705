-- The requests that are on their way to a backend, by the number that each has in $pool_attempt: it outlives internal
-- redirects, and a cache's refresh in the background shares it with its request. A number is used again when its
-- request is over, with the text and the table that it has: nothing is made for a request.

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
        texts[number], attempts[number] = variable.keep(tostring(number)), { number = number }
    end
    local attempt = attempts[number]
    attempt.open, attempt.tier, attempt.tried, attempt.tries = true, tier, NONE, 0
    attempt.entry, attempt.status, attempt.hurried = nil, nil, nil
    local _, a, b = key.of(address(r))
    attempt.a, attempt.b = a, b
    write(r, texts[number])
    return attempt
end

--- The attempt of request `r`, or nil.
function M.of(r)
    local text, size = read(r)
    local attempt = size > 0 and attempts[tonumber(C.ngx_atoi(text, size))]
    return attempt and attempt.open and attempt or nil
end

--- Forgets an attempt, whose request is over.
function M.close(attempt)
    attempt.open = false
    count = count + 1
    free[count] = attempt.number
end

return M
