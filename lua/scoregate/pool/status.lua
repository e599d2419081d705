-- What /status says of pools: each tier, and each of its backends.

local ffi = require "ffi"
local block = require "scoregate.pool.block"
local clock = require "scoregate.clock"
local histogram = require "scoregate.pool.histogram"
local pick = require "scoregate.pool.pick"
local pools = require "scoregate.pool.pools"

local SPANS = { ["1m"] = 60, ["5m"] = 300 }

local M = {}

local function state(s, settings, now)
    if s.state ~= block.UP then
        return block.STATES[s.state], "by command or configuration"
    elseif s.address[0] == 0 then
        return "unresolved", "no address of its name is known"
    elseif s.down == 1 then
        return "down", ffi.string(s.check_why)
    elseif now < s.ejected_until then
        return "ejected", ("%s; for another %.0f s"):format(ffi.string(s.why), (s.ejected_until - now) / 1000)
    elseif s.max_connections > 0 and s.in_flight >= s.max_connections then
        return "full", "it has max_connections requests under way"
    elseif s.since > 0 and now - s.since < settings.slow_start_ms then
        return "slow_start", ("for another %.0f s"):format((settings.slow_start_ms - now + s.since) / 1000)
    end
    return "up"
end

local function last_check(s, now)
    if s.checked_at == 0 then
        return nil
    end
    local why = ffi.string(s.check_why)
    return { ago_s = (now - s.checked_at) / 1000, ok = s.bad_row == 0 and s.good_row > 0, status = s.check_status,
        ms = s.check_ms, why = why ~= "" and why or nil }
end

local function address_of(s)
    local address = ffi.string(s.address)
    return address ~= "" and (address:find(":", 1, true) and "[%s]:%d" or "%s:%d"):format(address, s.port) or nil
end

local function backend(s, settings, now, sums)
    local its_state, why = state(s, settings, now)
    local times = {}
    for span, seconds in pairs(SPANS) do
        times[span] = histogram.quantiles(histogram.add({}, s, seconds, now))
        histogram.add(sums[span], s, seconds, now)
    end
    return { backend = ffi.string(s.spec), address = address_of(s), state = its_state,
        why = why, weight = s.weight, max_connections = s.max_connections, backup = s.backup == 1,
        in_flight = s.in_flight,
        requests = s.requests, errors = s.errors, response_ms = times, last_check = last_check(s, now) }
end

-- Under the lock.
local function tier(index, now)
    local settings, counts = pools.settings[index], block.pools.tiers[index]
    local sums, list, usable, in_flight = { ["1m"] = {}, ["5m"] = {} }, {}, 0, 0
    pools.each(index, function(_, s)
        list[#list + 1] = backend(s, settings, now, sums)
        in_flight = in_flight + s.in_flight
        usable = usable + (pick.usable(s, now) and 1 or 0)
    end)
    local times = {}
    for span in pairs(SPANS) do
        times[span] = histogram.quantiles(sums[span])
    end
    return { tier = settings.name, balance = settings.balance, state = usable > 0 and "up" or "empty",
        why = usable == 0 and "none of its backends is in use; other tiers stand in" or nil, in_flight = in_flight,
        requests = counts.requests, unserved = counts.unserved, retries = counts.retries,
        retries_refused = counts.retries_refused, queued = counts.queued, queue_expired = counts.queue_expired,
        response_ms = times, backends = list }
end

--- One entry for each tier that Lua balances.
function M.read()
    local list, now = {}, clock.now()
    for index = 0, #pools.settings do
        if pools.settings[index].live then
            block.lock()
            local entry = tier(index, now)
            block.unlock()
            list[#list + 1] = entry
        end
    end
    return list
end

return M
