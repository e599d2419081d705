-- Requests that wait because every backend of their pool has max_connections under way: in order in each worker,
-- bounded in number and time; then 503. Other workers' requests that end cannot wake this one's, so the first in line
-- looks again every few milliseconds; the others sleep until they are first.

local attempt = require "scoregate.pool.attempt"
local attempts = require "scoregate.pool.attempts"
local block = require "scoregate.pool.block"
local clock = require "scoregate.clock"
local pools = require "scoregate.pool.pools"
local semaphore = require "ngx.semaphore"
local variable = require "scoregate.variable"

local LOOK_AGAIN_S = 0.005

local M = {}

local lines = {} -- by tier: the semaphores of those that wait, the first one first

local function count(tier, name)
    block.lock()
    local counts = block.pools.tiers[tier]
    counts[name] = counts[name] + 1
    block.unlock()
end

-- Whether a backend is there before `deadline` (ms).
local function wait(its_attempt, line, turn, deadline)
    while true do
        local left = (deadline - clock.now()) / 1000
        if line[1] == turn then
            if attempt.reserve(its_attempt) then
                return true
            elseif left <= 0 then
                return false
            end
            ngx.sleep(math.min(left, LOOK_AGAIN_S))
        elseif left <= 0 then
            return false
        else
            turn:wait(left)
        end
    end
end

local function leave(line, turn)
    local first = line[1] == turn
    for i, other in ipairs(line) do
        if other == turn then
            table.remove(line, i)
            break
        end
    end
    if first and line[1] then
        line[1]:post()
    end
end

local function stand_in_line(its_attempt, tier, line, settings)
    if #line >= settings.size then
        count(tier, "queue_expired")
        return ngx.exit(ngx.HTTP_SERVICE_UNAVAILABLE)
    end
    local turn = assert(semaphore.new())
    line[#line + 1] = turn
    count(tier, "queued")
    local served = wait(its_attempt, line, turn, clock.now() + settings.wait_ms)
    leave(line, turn)
    if not served then
        count(tier, "queue_expired")
        return ngx.exit(ngx.HTTP_SERVICE_UNAVAILABLE)
    end
end

-- Nobody has a backend, and nothing to send it, for as long as a slow client takes.
local function read_body(var)
    -- ngx_lua reads none over HTTP/2 that does not say how long it is (0.10.26)
    if ngx.req.http_version() < 2 or var.http_content_length then
        ngx.req.read_body()
    end
end

--- The access phase, when the tier is known: waits while its pool is full. Not where answers may come from the cache:
-- those need no backend.
function M.enter()
    local var = ngx.var
    local tier = pools.index[var.tier]
    local settings = pools.settings[tier].queue
    if not settings or (var.cached or "") ~= "" then
        return
    end
    read_body(var)
    local line = lines[tier] or {}
    lines[tier] = line
    local its_attempt = attempts.open(variable.request(), tier)
    if #line == 0 then
        local entry, full = attempt.reserve(its_attempt)
        if entry or not full then
            return
        end
    end
    return stand_in_line(its_attempt, tier, line, settings)
end

return M
