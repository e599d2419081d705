-- Targets whose answers are not kept. Of the requests for something that is not in the cache one goes to the backend
-- and the others wait for what it brings. If that may not be kept, they would go one after the other: such targets are
-- remembered for a while and do not wait.
--
-- As a rule nothing is remembered. Until when something is, all workers see in shared memory, so that a request costs
-- one comparison.

local ffi = require "ffi"
local clock = require "scoregate.clock"
local memory = require "scoregate.memory"
local variable = require "scoregate.variable"

local targets = ngx.shared.cache_skips
local now, request, reader = clock.now, variable.request, variable.reader
local host, request_uri = reader("http_host"), reader("request_uri")

local REMEMBERED_MS = 10000

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

--- Whether the target of this request is one whose answers are not kept. `who` is the variable that says whom the
-- entries are for.
function M.known(who)
    return until_ms[0] > now() and targets:get(target(request(), who)) == true
end

--- Learns from an answer of a backend, whose cache status is `status`, whether the target's are kept: not, if it is
-- `refused`.
function M.learn(r, status, who, refused)
    if refused then
        targets:set(target(r, who), true, REMEMBERED_MS / 1000)
        until_ms[0] = now() + REMEMBERED_MS
    elseif status == "BYPASS" then
        targets:delete(target(r, who))
    end
end

return M
