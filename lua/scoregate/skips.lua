-- Targets whose answers are not kept. Of the requests for something that is not in the cache one goes to the backend
-- and the others wait for what it brings. If that may not be kept, they would go one after the other: such targets are
-- remembered for a while and do not wait.
--
-- As a rule nothing is remembered. Until when something is, all workers see in shared memory, so that a request costs
-- one comparison. With `mode: off` not even the access phase is there: nginx's own `if` calls it, while $cache_skip is
-- 1. That is the constant of a map, a byte that each worker has for itself where nginx has put it when it read the
-- configuration, and writes as what is remembered begins and ends.

local ffi = require "ffi"
local clock = require "scoregate.clock"
local memory = require "scoregate.memory"
local variable = require "scoregate.variable"

local targets = ngx.shared.cache_skips
local now, request, reader = clock.now, variable.request, variable.reader
local skip = reader("cache_skip")
local host, request_uri = reader("http_host"), reader("request_uri")

local REMEMBERED_MS = 10000
local LOOK_AGAIN_S = 0.1
local YES, NO = ("10"):byte(1, 2)

-- When what is remembered last is forgotten.
local until_ms = ffi.cast("double *", memory.lasting(targets, "until", ffi.sizeof("double"), "double"))

local who_of = setmetatable({}, {
    __index = function(readers, name)
        readers[name] = reader(name)
        return readers[name]
    end,
})

local M = {}

local function text(read, r)
    local found, size = read(r)
    return size > 0 and ffi.string(found, size) or ""
end

local function target(r, who)
    return text(who_of[who], r) .. " " .. text(host, r) .. text(request_uri, r)
end

local watching = false
local byte -- known from the first request on

local function show()
    if byte then
        byte[0] = until_ms[0] > now() and YES or NO
    end
end

--- The access phase: a target whose answers are not kept is asked for without waiting. `who` is the variable that says
-- whom the entries are for.
function M.look(who)
    local r = request()
    if watching then
        byte = byte or ffi.cast("unsigned char *", (skip(r)))
        show()
    end
    if until_ms[0] > now() and targets:get(target(r, who)) then
        ngx.var.cache_skip = "1"
    elseif watching then
        ngx.var.cache_skip = "0"
    end
end

--- Learns from an answer of a backend, whose cache status is `status`, whether the target's are kept: not, if it is
-- `refused`.
function M.learn(r, status, who, refused)
    if refused then
        targets:set(target(r, who), true, REMEMBERED_MS / 1000)
        until_ms[0] = now() + REMEMBERED_MS
        show()
    elseif status == "BYPASS" then
        targets:delete(target(r, who))
    end
end

--- Each worker as it starts, where nginx asks for $cache_skip, which is 1 at first: sees to it that it says what all
-- workers know.
function M.watch()
    watching = true
    assert(ngx.timer.every(LOOK_AGAIN_S, show))
end

return M
