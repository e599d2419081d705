-- The better of two at random, by latency and requests under way (peak EWMA, as in Finagle's PeakEwma.scala). Two at
-- random, and not the best of all: workers would all run to that one at once (Mitzenmacher 2001).

local exp, random = math.exp, math.random

-- After this time without answers half of what is known is forgotten twice and more.
local DECAY_MS = 10000
-- nginx's times are whole milliseconds: 0 says "under one".
local LEAST_MS = 0.5

local M = {}

--- Learns that an answer began after `ms`. A slower one counts at once, a faster one by and by. Under the lock.
function M.learn(s, ms, now)
    if ms >= s.latency_ms then
        s.latency_ms = ms
    else
        local w = exp((s.latency_at - now) / DECAY_MS)
        s.latency_ms = s.latency_ms * w + ms * (1 - w)
    end
    s.latency_at = now
end

local function cost(s, weight, now)
    -- One that was slow once and is avoided since must get a chance to show that it is not.
    local known = s.latency_ms * exp((s.latency_at - now) / DECAY_MS)
    return (known + LEAST_MS) * (s.in_flight + 1) / weight
end

--- Picks one of `n` candidates; `weights` are what they have at present. Under the lock.
function M.pick(candidates, n, weights, now)
    local i = random(n)
    if n == 1 then
        return candidates[1]
    end
    local j = random(n - 1)
    if j >= i then
        j = j + 1
    end
    if cost(candidates[j].s, weights[j], now) < cost(candidates[i].s, weights[i], now) then
        i = j
    end
    return candidates[i]
end

return M
