-- The verdict's way out: which tier serves the request, and what the access log says of it.

local clients = require "scoregate.clients"
local observations = require "scoregate.observations"
local variable = require "scoregate.variable"

local settings = observations.settings
local observing = settings.mode == "observe"
local default_tier = settings.default_tier

local LEASED, FRESH, STALE, DEFAULT, PINNED, HELD = 0, 1, 2, 3, 4, 5
local ORIGINS = { [LEASED] = "leased", "fresh", "stale", "default", "pinned", "held" }

local M = { LEASED = LEASED, FRESH = FRESH, STALE = STALE, DEFAULT = DEFAULT, PINNED = PINNED, HELD = HELD,
    ORIGINS = ORIGINS }

local set_tier, set_score = variable.writer_of_kept("tier"), variable.writer_of_kept("score")
local set_origin, set_would = variable.writer_of_kept("origin"), variable.writer_of_kept("tier_would")
local set_wait = variable.writer("wait_ms")

-- What is written, by tier, by origin, and by score to three places.
local TIERS, WRITTEN_ORIGINS, SCORES = {}, {}, {}
for k, name in ipairs(settings.tiers) do
    TIERS[k - 1] = variable.keep(name)
end
for k, name in pairs(ORIGINS) do
    WRITTEN_ORIGINS[k] = variable.keep(name)
end
for k = 0, 1000 do
    SCORES[k] = variable.keep(("%.3f"):format(k / 1000))
end
local NULL = variable.keep("null")

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
        set_would(r, TIERS[tier])
        tier = default_tier
    end
    set_tier(r, TIERS[tier])
    if score >= 0 then
        set_score(r, SCORES[math.floor(score * 1000 + 0.5)])
    end
    if origin ~= LEASED then
        set_origin(r, WRITTEN_ORIGINS[origin])
    end
end

--- Fills in what a request that nginx itself refused would have had, for its line in the log.
function M.refused(r)
    set_score(r, NULL)
    set_wait(r, "0")
end

--- Notes how long a request waited for its verdict.
function M.waited(r, ms)
    set_wait(r, tostring(ms))
end

return M
