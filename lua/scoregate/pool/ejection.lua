-- Passive checks: a backend that fails its requests is out for a while, each further time twice as long, but never more
-- of a pool than its share.

local block = require "scoregate.pool.block"
local pools = require "scoregate.pool.pools"

local RECENT_MS, ENOUGH = 10000, 20 -- for the success rate

local M = {}

-- Whether one more of the tier may be out; one always may, else a tier of one backend could never be left.
local function may_eject(view, now)
    local all, out = 0, 0
    for _, entry in ipairs(view.entries) do
        local s = entry.s
        if s.state == block.UP then
            all = all + 1
            if now < s.ejected_until then
                out = out + 1
            end
        end
    end
    return out < math.max(1, math.floor(view.settings.ejection.share * all))
end

local function eject(view, s, now, why)
    if now < s.ejected_until or not may_eject(view, now) then
        return nil
    end
    local settings = view.settings.ejection
    -- Well behaved for as long again as it was out: what was before is forgotten.
    if now > s.ejected_until + 2 * s.ejected_ms then
        s.ejections = 0
    end
    s.ejected_ms = math.min(settings.time_s * 2 ^ s.ejections, settings.longest_s) * 1000
    s.ejections = s.ejections + 1
    s.ejected_until = now + s.ejected_ms
    s.since = s.ejected_until
    -- Back on probation: one failure is enough then.
    s.errors_row = math.max(0, settings.errors - 1)
    s.fives_row, s.good, s.bad = 0, 0, 0
    pools.write(s.why, why)
    block.changed()
    return why
end

local function recent(s, now)
    if now - s.recent_at > RECENT_MS then
        s.good, s.bad, s.recent_at = 0, 0, now
    end
end

local function too_few(s, rate)
    local all = s.good + s.bad
    return rate > 0 and all >= ENOUGH and s.good / all < rate
end

--- Learns that a request to backend `s` of a pool was answered with `status`. Returns why it is ejected for that, if
-- it is. Under the lock.
function M.answered(view, s, status, now)
    local settings = view.settings.ejection
    recent(s, now)
    s.errors_row = 0
    if status < 500 then
        s.fives_row, s.good = 0, s.good + 1
        return nil
    end
    s.fives_row, s.bad = s.fives_row + 1, s.bad + 1
    if settings.consecutive_5xx > 0 and s.fives_row >= settings.consecutive_5xx then
        return eject(view, s, now, ("%d answers of 500 and above in a row"):format(s.fives_row))
    end
    return too_few(s, settings.success_rate) and eject(view, s, now, "too few of its requests succeed") or nil
end

--- The same for a request that got no answer; `what` happened.
function M.failed(view, s, what, now)
    local settings = view.settings.ejection
    recent(s, now)
    s.errors_row, s.bad = s.errors_row + 1, s.bad + 1
    if settings.errors > 0 and s.errors_row >= settings.errors then
        return eject(view, s, now, what)
    end
    return too_few(s, settings.success_rate) and eject(view, s, now, "too few of its requests succeed") or nil
end

return M
