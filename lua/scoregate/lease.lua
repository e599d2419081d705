-- The lease: how long a verdict holds for a client, and what a new verdict changes.

local bit = require "bit"
local clients = require "scoregate.clients"

local band, bor, bnot = bit.band, bit.bor, bit.bnot
local ceil, floor, max = math.ceil, math.floor, math.max

local NO_TIER, parts = clients.NO_TIER, clients.parts
local SPREAD_MS = 2000
local SHORT = 64 -- hits

local HOLDS, ENDED, USED_UP, NONE = 0, 1, 2, 3

local M = { HOLDS = HOLDS, ENDED = ENDED, USED_UP = USED_UP, NONE = NONE, MOST = 1024 }

--- What the lease of record `c` is for its request number `ordinal` at `now` (ms): HOLDS, ENDED (by
-- time), USED_UP (by hits, errors or signs) or NONE (no verdict yet).
function M.state(c, ordinal, now)
    if c.tier == NO_TIER then
        return NONE
    end
    if ordinal > c.hits_end or c.errors >= c.errors_end or c.signs >= c.signs_end then
        return USED_UP
    end
    if now >= c.until_ms then
        return ENDED
    end
    local shared = parts.shared
    -- leases of an older generation end by time, each at a moment of its own
    if c.generation ~= shared.generation and now >= shared.generation_at + band(c.a, 0xffff) % SPREAD_MS then
        return ENDED
    end
    return HOLDS
end

--- Whether three quarters of the lease are spent.
function M.nearly_spent(c, ordinal)
    return ordinal >= c.ask_at or c.errors >= c.errors_ask or c.signs >= c.signs_ask
end

--- Whether so little is left that the next requests may use it up, and the one after them would wait.
function M.is_short(c)
    return c.hits_end - c.hits < SHORT or c.errors >= c.errors_ask or c.signs >= c.signs_ask
end

--- Adds the signs (bits) that a request shows. One that the lease does not call harmless ends it.
function M.show_signs(c, marks)
    c.signs = c.signs + 1
    c.marks = bor(c.marks, marks)
    if band(marks, bnot(c.harmless)) ~= 0 then
        c.signs_end = c.signs
    end
end

--- Adds one 4xx or 5xx answer.
function M.show_error(c)
    c.errors = c.errors + 1
end

local function share(n, gateways)
    if gateways <= 1 then
        return n
    end
    return max(1, floor(n / gateways))
end

--- Gives record `c` a verdict. `taken` is the copy of the record when its report was taken: what has
-- arrived since then is charged to the new lease, because its ends count from there.
-- verdict: {score, lease = {hits, errors, signs, harmless, ttl_ms}, origin}, tier a number from 0, generation the
-- answer's own: a verdict older than a change that has been applied ends soon.
function M.grant(c, taken, verdict, tier, generation, now)
    local lease, gateways = verdict.lease, clients.shared.gateways
    local hits = share(lease.hits, gateways)
    local errors, signs = share(lease.errors, gateways), share(lease.signs, gateways)
    c.tier, c.score = tier, verdict.score
    c.pinned = verdict.origin == "pinned" and 1 or 0
    c.held = verdict.origin == "held" and 1 or 0
    c.generation, c.verdict_at = generation, now
    c.until_ms = now + lease.ttl_ms
    c.hits_end = taken.hits + hits
    c.ask_at = taken.hits + max(1, ceil(hits * 0.75))
    c.errors_end = taken.errors + errors
    c.errors_ask = taken.errors + ceil(errors * 0.75)
    c.signs_end = taken.signs + signs
    c.signs_ask = taken.signs + ceil(signs * 0.75)
    c.harmless = lease.harmless
    if band(c.marks, bnot(c.harmless)) ~= 0 then
        c.signs_end = c.signs -- a sign shown since the report: this verdict does not know it
    end
    c.refresh_until = 0
end

--- Lets record `c` go on with the lease that it has: its tier is what it was when the report, `taken`, was.
function M.go_on(c, taken, verdict, tier, now)
    c.refresh_until = 0
    if c.tier ~= taken.tier or c.pinned == 1 then
        return -- something else has been said of it since
    end
    if tier ~= c.tier or c.hits_end ~= taken.hits_end then
        -- it should have had a lease, or has had another one since, which the report did not ask about: ask again
        c.until_ms = 0
        return
    end
    c.score, c.held, c.verdict_at = verdict.score, 0, now
end

--- Drops the verdict of record `c`: its next request asks like a first one.
function M.forget(c)
    c.tier, c.pinned, c.held = NO_TIER, 0, 0
end

--- Puts record `c` into a tier at once; its next request asks for the whole verdict.
function M.pin(c, tier)
    c.tier, c.pinned, c.held = tier, 1, 0
    c.until_ms = 0
    c.hits_end = c.hits + M.MOST
    c.errors_end, c.signs_end = c.errors + M.MOST, c.signs + M.MOST
    c.harmless = 0x7fffffff
end

return M
