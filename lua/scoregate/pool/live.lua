-- What pools that Lua balances add to the phases of a request (gateway.lua). A gateway without any has none of it.

local attempt = require "scoregate.pool.attempt"
local block = require "scoregate.pool.block"
local health = require "scoregate.pool.health"
local pools = require "scoregate.pool.pools"

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
    for tier, settings in pairs(pools.settings) do
        pools.fit(tier, settings.backends)
    end
    health.start()
end

--- Adds them to the functions of the gateway's phases.
function M.join(gateway)
    gateway.init = after(gateway.init, init)
    gateway.init_worker = after(gateway.init_worker, init_worker)
    gateway.log = after(attempt.ended, gateway.log)
end

return M
