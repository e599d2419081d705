-- The verdict's way out: which tier serves the request, and what the access log says of it.

local clients = require "scoregate.clients"
local observations = require "scoregate.observations"
local variable = require "scoregate.variable"

local settings = observations.settings
local floor = math.floor
local parts = clients.parts
local observing = settings.mode == "observe"
local default_tier = settings.default_tier

local LEASED, FRESH, STALE, DEFAULT, PINNED, HELD = 0, 1, 2, 3, 4, 5
local ORIGINS = { [LEASED] = "leased", "fresh", "stale", "default", "pinned", "held" }

local M = { LEASED = LEASED, FRESH = FRESH, STALE = STALE, DEFAULT = DEFAULT, PINNED = PINNED, HELD = HELD,
    ORIGINS = ORIGINS }

-- config/nginx_verdict.ts gives them indexes.
local values_of = variable.values
local put_tier, put_score = variable.first_writer("tier"), variable.first_writer("score")
local put_origin, put_would = variable.first_writer("origin"), variable.first_writer("tier_would")
local put_wait, set_wait = variable.first_writer("wait_ms"), variable.writer("wait_ms")

-- What is written, by tier, by origin, and by score to three places.
local TIERS, WRITTEN_ORIGINS = variable.array(#settings.tiers), variable.array(#ORIGINS + 1)
local SCORES = variable.array(1001)
for k, name in ipairs(settings.tiers) do
    TIERS[k - 1] = variable.keep(name)
end
for k, name in pairs(ORIGINS) do
    WRITTEN_ORIGINS[k] = variable.keep(name)
end
for k = 0, 1000 do
    SCORES[k] = variable.keep(("%.3f"):format(k / 1000))
end
local NO_SCORE, NO_WAIT = variable.keep("null"), variable.keep("0")

--- Counts a request of record `c` under its tier and `origin` (under the lock), and returns
-- tier, origin and score to send it by.
function M.settle(c, origin)
    local tier, score = c.tier, c.score
    if origin == DEFAULT then
        tier, score = default_tier, -1
    elseif c.pinned == 1 and origin ~= STALE then
        origin = PINNED
    elseif c.held == 1 and origin ~= STALE then
        origin = HELD
    end
    local served = observing and default_tier or tier
    local counts = parts.shared.requests[served]
    counts[origin] = counts[origin] + 1
    return tier, origin, score
end

--- Counts a request whose network is pinned to `tier` (under the lock), and returns the score that the
-- client has all the same.
function M.settle_pinned(c, tier)
    local counts = parts.shared.requests[observing and default_tier or tier]
    counts[PINNED] = counts[PINNED] + 1
    return c.tier == clients.NO_TIER and -1 or c.score
end

--- Sends request `r` to the upstream of its tier; it waited `wait_ms` for its verdict, or not at all.
function M.send(r, tier, origin, score, wait_ms)
    local values = values_of(r)
    if observing then
        put_would(r, values, TIERS[tier])
        tier = default_tier
    end
    put_tier(r, values, TIERS[tier])
    put_score(r, values, score < 0 and NO_SCORE or SCORES[floor(score * 1000 + 0.5)])
    put_origin(r, values, WRITTEN_ORIGINS[origin])
    put_wait(r, values, NO_WAIT)
    if wait_ms then
        set_wait(r, tostring(wait_ms))
    end
end

return M
