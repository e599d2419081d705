-- Which backend gets a request: one that is in use, of the tier's own, else of its backups, else of the tiers that
-- stand in for it.

local block = require "scoregate.pool.block"
local ewma = require "scoregate.pool.ewma"
local hash = require "scoregate.pool.hash"
local pools = require "scoregate.pool.pools"

local PICK = {
    round_robin = require "scoregate.pool.round_robin",
    least_connections = require "scoregate.pool.least_connections",
    ewma = ewma.pick,
    hash = hash.pick,
}
local SLOWEST = 0.1 -- of its weight is what a backend that is back begins with

local ASK_AGAIN_MS = 1000

local PROBE_MS = 100 -- between requests to a backend that has not yet answered since it was ejected

local M = {}

--- Whether a backend is in use. `ejected_too`: whether it is ejected does not matter. Under the lock.
function M.usable(s, now, ejected_too)
    return s.state == block.UP and s.down == 0 and s.address[0] ~= 0 and (ejected_too or now >= s.ejected_until)
end

local function weight(s, now, slow_start_ms)
    local age = now - s.since
    if slow_start_ms == 0 or s.since == 0 or age >= slow_start_ms then
        return s.weight
    end
    return s.weight * math.max(SLOWEST, age / slow_start_ms)
end

local candidates, weights = {}, {}

local function is_full(s)
    return s.max_connections > 0 and s.in_flight >= s.max_connections
end

-- Whether a backend that was ejected has its probe under way: what it fails must wait for its time to run out, so it
-- gets few requests until it has answered one.
local function is_on_trial(s, now)
    return s.answered_at < s.ejected_until and now - s.picked_at < PROBE_MS
end

-- How many candidates there are, and whether any more would be that are full.
local function gather(view, backup, now, tried, ejected_too)
    local n, full = 0, false
    local slow_start_ms = view.settings.slow_start_ms
    for _, entry in ipairs(view.entries) do
        local s = entry.s
        if s.backup == backup and M.usable(s, now, ejected_too) and not tried[entry.slot]
            and (ejected_too or not is_on_trial(s, now)) then
            if is_full(s) then
                full = true
            else
                n = n + 1
                candidates[n], weights[n] = entry, weight(s, now, slow_start_ms)
            end
        end
    end
    return n, full
end

-- Whether all backends of a pool are alike and in use, and none can be full: then whose turn it is needs no look at
-- them. LuaJIT compiles no loop together with what surrounds it: without one all of the balancer phase is one piece. It
-- ends with a change (block.changed), after which the view is another one; it may begin with time.
local function are_alike(view, now)
    local one = view.entries[1]
    for _, entry in ipairs(view.entries) do
        local s = entry.s
        local own = weight(s, now, view.settings.slow_start_ms)
        if s.backup == 1 or s.max_connections > 0 or s.weight ~= one.s.weight or own ~= s.weight
            or not M.usable(s, now) or s.answered_at < s.ejected_until then
            return false
        end
    end
    return one ~= nil
end

local function learn_whether_alike(view, now)
    view.asked_at, view.alike = now, view.settings.balance == "round_robin" and are_alike(view, now)
end

-- The next one in turn, where no more than that is to be known.
local function in_turn(view, now)
    if not view.alike and now - view.asked_at >= ASK_AGAIN_MS then
        learn_whether_alike(view, now)
    end
    if not view.alike then
        return nil
    end
    local counts = view.counts
    local turn = counts.turn + 1
    if turn > view.size then
        turn = 1
    end
    counts.turn = turn
    return view.entries[turn]
end

local function note(picked, now)
    local pool = block.pools
    pool.serial = pool.serial + 1
    picked.s.picked, picked.s.picked_at = pool.serial, now
    return picked
end

local function of(tier, now, tried, a, b, ejected_too)
    local view, full = pools.view(tier), false
    for backup = 0, 1 do
        local n, more = gather(view, backup, now, tried, ejected_too)
        full = full or more
        if n > 0 then
            return note(PICK[view.settings.balance](candidates, n, weights, now, a, b), now), full
        end
    end
    return nil, full
end

--- Picks a backend of `tier` for the client `a`, `b`; `tried` has true for the slots that have failed it. Returns it,
-- or nil and whether its tier has one that is only full. Under the lock.
function M.pick(tier, now, tried, a, b)
    local next_one = in_turn(pools.view(tier), now)
    if next_one and not tried[next_one.slot] then
        return note(next_one, now)
    end
    local settings = pools.settings[tier]
    local picked, full = of(tier, now, tried, a, b, false)
    if picked or (full and settings.queue) then
        return picked, full
    end
    for _, other in ipairs(settings.stand_ins) do
        picked = of(other, now, tried, a, b, false)
        if picked then
            return picked
        end
    end
    -- Nothing is left: one that has failed lately is better than none.
    return (of(tier, now, tried, a, b, true)), full
end

local function has_another(tier, now, tried, slot)
    for _, entry in ipairs(pools.view(tier).entries) do
        local s = entry.s
        if entry.slot ~= slot and not tried[entry.slot] and M.usable(s, now) and not is_full(s) then
            return true
        end
    end
    return false
end

--- Whether a request of `tier` that the backend of `slot` fails as well would find another one in use. Under the lock.
function M.another(tier, now, tried, slot)
    if has_another(tier, now, tried, slot) then
        return true
    end
    for _, other in ipairs(pools.settings[tier].stand_ins) do
        if has_another(other, now, tried, slot) then
            return true
        end
    end
    return false
end

return M
