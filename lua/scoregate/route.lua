-- The verdict's way out: which tier serves the request, and what the access log says of it.

local clients = require "scoregate.clients"
local observations = require "scoregate.observations"
local variable = require "scoregate.variable"

local settings = observations.settings
local tiers = settings.tiers
local observing = settings.mode == "observe"
local default_tier = settings.default_tier

local LEASED, FRESH, STALE, DEFAULT, PINNED, HELD = 0, 1, 2, 3, 4, 5
local ORIGINS = { [LEASED] = "leased", "fresh", "stale", "default", "pinned", "held" }

local M = { LEASED = LEASED, FRESH = FRESH, STALE = STALE, DEFAULT = DEFAULT, PINNED = PINNED, HELD = HELD,
    ORIGINS = ORIGINS }

local set_tier, set_score = variable.writer("tier"), variable.writer("score")
local set_origin, set_wait = variable.writer("origin"), variable.writer("wait_ms")
local set_would = variable.writer("tier_would")

-- Texts of the scores, to three places, made once.
local score_text = {}
for k = 0, 1000 do
    score_text[k] = ("%.3f"):format(k / 1000)
end

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
    local counts = clients.shared.requests[served]
    counts[origin] = counts[origin] + 1
    return tier, origin, score
end

--- Counts a request whose network is pinned to `tier` (under the lock), and returns the score that the
-- client has all the same.
function M.settle_pinned(c, tier)
    local counts = clients.shared.requests[observing and default_tier or tier]
    counts[PINNED] = counts[PINNED] + 1
    return c.tier == clients.NO_TIER and -1 or c.score
end

--- Sends request `r` to the upstream of its tier. Only what differs from the values that the
-- server's `set` lines give (origin leased, score null) is written.
function M.send(r, tier, origin, score)
    if observing then
        set_would(r, tiers[tier + 1])
        tier = default_tier
    end
    set_tier(r, tiers[tier + 1])
    if score >= 0 then
        set_score(r, score_text[math.floor(score * 1000 + 0.5)])
    end
    if origin ~= LEASED then
        set_origin(r, ORIGINS[origin])
    end
end

--- Fills in what a request that nginx itself refused would have had, for its line in the log.
function M.refused(r)
    set_score(r, "null")
    set_wait(r, "0")
end

--- Notes how long a request waited for its verdict.
function M.waited(r, ms)
    set_wait(r, tostring(ms))
end

return M
