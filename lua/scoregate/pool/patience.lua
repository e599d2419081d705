-- How long a backend may be silent: retries.timeout_ms, while there is another one that the request could go to then.
-- The last one has nginx's own time, so a page that takes long everywhere is answered all the same.

local balancer = require "ngx.balancer"
local block = require "scoregate.pool.block"
local clock = require "scoregate.clock"
local pick = require "scoregate.pool.pick"
local pools = require "scoregate.pool.pools"

local var = ngx.var
-- nginx does not send these twice (ngx_http_upstream_test_next).
local ONCE = { POST = true, LOCK = true, PATCH = true }

local M = {}

-- Streams are silent for as long as there is nothing to tell; the time holds within an answer too.
local function is_stream()
    return (var.http_upgrade or "") ~= "" or (var.http_accept or ""):find("text/event-stream", 1, true) ~= nil
end

local function could_go_on(attempt, entry, retries)
    if attempt.tries >= retries.tries or ONCE[var.request_method] or is_stream() then
        return false
    end
    block.lock()
    local could = block.pools.tiers[attempt.tier].budget >= 1
        and pick.another(attempt.tier, clock.now(), attempt.tried, entry.slot)
    block.unlock()
    return could
end

--- The balancer phase, when the request is about to be sent to `entry` as its try number attempt.tries.
function M.set(attempt, entry)
    local settings = pools.settings[attempt.tier]
    local retries = settings.retries
    if retries.timeout_ms == 0 then
        return
    end
    if could_go_on(attempt, entry, retries) then
        attempt.hurried = true
        balancer.set_timeouts(nil, nil, retries.timeout_ms / 1000)
    elseif attempt.hurried then -- what was set for one try holds for the next one
        balancer.set_timeouts(nil, nil, settings.silent_ms / 1000)
    end
end

return M
