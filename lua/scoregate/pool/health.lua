-- The checker: one worker of all asks the backends how they are, and name servers where they are, and tidies up what
-- dead workers have left. Whoever holds the shared lease is it; when that one ends, or hangs, another takes over as the
-- lease expires.

local ffi = require "ffi"
local block = require "scoregate.pool.block"
local check = require "scoregate.pool.check"
local clock = require "scoregate.clock"
local names = require "scoregate.pool.names"
local pools = require "scoregate.pool.pools"

local TICK_S = 0.1
local LEASE_MS, SWEEP_MS = 1000, 500

local M = {}

-- Whether this worker is the checker.
local function is_checker(now)
    local pool, me = block.pools, ffi.C.getpid()
    block.lock()
    local mine = pool.checker == me or now >= pool.checker_until
    if mine then
        pool.checker, pool.checker_until = me, now + LEASE_MS
    end
    block.unlock()
    return mine
end

-- What a check says of a backend; returns what is to be told. Under the lock.
local function learn(s, settings, good, why, now)
    pools.write(s.check_why, why or "")
    if good then
        s.good_row, s.bad_row = s.good_row + 1, 0
        if s.down == 1 and s.good_row >= settings.rise then
            s.down, s.since, s.ejected_until = 0, now, 0
            block.changed()
            return "is back"
        end
    else
        s.good_row, s.bad_row = 0, s.bad_row + 1
        if s.down == 0 and s.bad_row >= settings.fall then
            s.down = 1
            block.changed()
            return "is down"
        end
    end
    return nil
end

--- Takes in the result of a check of slot `i`, which was the backend `born` when it began.
function M.learn(i, born, settings, began, good, why, status)
    local s, told = block.slots[i], nil
    local now = clock.now()
    block.lock()
    if s.used == 1 and s.born == born then
        s.check_ms, s.check_status = now - began, status or 0
        told = learn(s, settings, good, why, now)
    end
    block.unlock()
    if told then
        ngx.log(ngx.WARN, "backend ", ffi.string(s.spec), " of tier ", ffi.string(s.tier), " ", told,
            why and ": " .. why or "")
    end
end

local function look(premature, entry, settings, tls)
    if premature then
        return
    end
    local began = clock.now()
    local backend = { address = entry.address, port = entry.port, host = entry.host, tls = tls }
    local good, why, status = check.once(backend, settings)
    M.learn(entry.slot, entry.born, settings, began, good, why, status)
end

-- Whether a backend is to be asked. Twice as often while it is in doubt: what a timeout takes and the ticks between is
-- made up for by that, so that a backend that fails is out within interval x fall.
local function is_due(s, settings, now)
    local in_doubt = s.down == 0 and s.bad_row > 0
    return now - s.checked_at >= (in_doubt and 0.5 or 1) * settings.interval_ms - TICK_S * 500
end

local function due(now)
    local list = {}
    block.lock()
    for tier = 0, #pools.settings do
        local settings = pools.settings[tier]
        for _, entry in ipairs(settings.health and pools.view(tier).entries or {}) do
            local s = entry.s
            if s.state ~= block.MAINTENANCE and s.address[0] ~= 0 and is_due(s, settings.health, now) then
                s.checked_at = now
                list[#list + 1] = { entry, settings.health, settings.tls }
            end
        end
    end
    block.unlock()
    return list
end

local function step(now)
    if now - block.pools.swept >= SWEEP_MS then
        block.pools.swept = now
        pools.leave()
        block.sweep()
    end
    names.step(now)
    for _, one in ipairs(due(now)) do
        local ok, err = ngx.timer.at(0, look, unpack(one, 1, 3))
        if not ok then
            ngx.log(ngx.ERR, "could not check a backend: ", err)
        end
    end
end

local function tick(premature)
    if premature or ngx.worker.exiting() then
        return
    end
    local now = clock.now()
    if is_checker(now) then
        local ok, err = pcall(step, now)
        if not ok then
            ngx.log(ngx.ERR, "the checker failed in a way that nobody foresaw: ", err)
        end
    end
    assert(ngx.timer.at(TICK_S, tick))
end

--- Called once in each worker.
function M.start()
    assert(ngx.timer.at(0, tick))
end

return M
