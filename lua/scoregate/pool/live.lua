-- What pools that Lua balances add to the phases of a request (gateway.lua). A gateway without any has none of it.

local attempt = require "scoregate.pool.attempt"
local block = require "scoregate.pool.block"
local health = require "scoregate.pool.health"
local overlay = require "scoregate.pool.overlay"
local pools = require "scoregate.pool.pools"
local queue = require "scoregate.pool.queue"

local M = {}

local function after(first, second)
    return function()
        first()
        return second()
    end
end

local function init()
    block.open(ngx.shared.scoregate)
end

local function init_worker()
    block.join()
    local dropped = false
    for tier, settings in pairs(pools.settings) do
        local changed, outdated = overlay.read(settings)
        pools.fit(tier, changed or settings.backends)
        if outdated and ngx.worker.id() == 0 then
            ngx.log(ngx.WARN, "the pool of tier ", settings.name,
                " is another one in scoregate.yaml now: what npm run pool had changed in it is dropped")
            dropped = true
        end
    end
    if dropped then
        local ok, err = overlay.drop(pools.settings)
        if not ok then
            ngx.log(ngx.ERR, err)
        end
    end
    health.start()
end

--- Adds them to the functions of the gateway's phases.
function M.join(gateway)
    gateway.init = after(gateway.init, init)
    gateway.init_worker = after(gateway.init_worker, init_worker)
    for _, settings in pairs(pools.settings) do
        if settings.queue then
            gateway.access = after(gateway.access, queue.enter)
            break
        end
    end
    gateway.log = after(attempt.ended, gateway.log)
end

return M
