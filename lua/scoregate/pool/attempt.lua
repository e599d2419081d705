-- A request's way to a backend: nginx's balancer phase picks one, once more after each failure, and the log phase
-- learns how it ended.

local attempts = require "scoregate.pool.attempts"
local balancer = require "ngx.balancer"
local block = require "scoregate.pool.block"
local budget = require "scoregate.pool.budget"
local clock = require "scoregate.clock"
local ejection = require "scoregate.pool.ejection"
local ewma = require "scoregate.pool.ewma"
local histogram = require "scoregate.pool.histogram"
local outcome = require "scoregate.pool.outcome"
local patience = require "scoregate.pool.patience"
local pick = require "scoregate.pool.pick"
local pools = require "scoregate.pool.pools"
local variable = require "scoregate.variable"

local request = variable.request
local NGX_BUSY = -3 -- nginx's "no live upstreams"
local CLIENT_WENT_AWAY = 499
local PROVEN_MS = 1000
local NONE = attempts.NONE
local STATUS_OF = { [outcome.TIMED_OUT] = ngx.HTTP_GATEWAY_TIMEOUT }

local M = {}

-- Under the lock.
local function earn(tier)
    budget.earn(block.pools.tiers[tier], pools.settings[tier].retries.budget)
end

--- Picks the next backend and counts the request there; `earns`: it is the first one of a request that has come.
-- Returns it, or nil and whether its tier is only full.
function M.reserve(attempt, earns)
    local now = clock.now()
    block.lock()
    if earns then
        earn(attempt.tier)
    end
    local entry, full = pick.pick(attempt.tier, now, attempt.tried, attempt.a, attempt.b)
    if entry then
        block.begin(entry.slot)
    end
    block.unlock()
    attempt.entry = entry
    return entry, full
end

local function tell(entry, why)
    if why then
        ngx.log(ngx.WARN, "backend ", entry.spec, " is out for ", entry.s.ejected_ms / 1000, " s: ", why)
    end
end

-- The try at attempt.entry has ended.
local function conclude(r, attempt, before, gone)
    local entry, now = attempt.entry, clock.now()
    local s = entry.s
    attempt.entry = nil
    if before then
        attempt.tried = attempt.tried == NONE and {} or attempt.tried
        attempt.tried[entry.slot] = true
    end
    local by_time = entry.balance == "ewma"
    local status, what, connected, header_ms, whole_ms = outcome.of(r, before, by_time)
    attempt.status = status or STATUS_OF[what] or ngx.HTTP_BAD_GATEWAY
    local why
    block.lock()
    block.finish(entry.slot)
    s.requests = s.requests + 1
    local view = pools.view(entry.tier)
    if status then
        s.answered_at = now
        if by_time then
            ewma.learn(s, header_ms, now)
        end
        histogram.note(s, whole_ms, now)
        why = ejection.answered(view, s, status, now)
    elseif not gone then
        why = ejection.failed(view, s, what, now)
    end
    if not gone and (not status or status >= 500) then
        s.errors = s.errors + 1
    end
    block.unlock()
    tell(entry, why)
    return connected
end

-- Whether what fails a request is a backend that is out by now, while others are not: what was under way there may be
-- much at one time, and never more than that.
local function is_left(attempt, entry)
    local now = clock.now()
    return not pick.usable(entry.s, now) and pick.another(attempt.tier, now, attempt.tried, entry.slot)
end

-- Whether the request may be sent once more after `entry`. nginx itself sees to it that one is not repeated that must
-- not be.
local function may_retry(attempt, entry, connected)
    local settings = pools.settings[attempt.tier]
    block.lock()
    local counts = block.pools.tiers[attempt.tier]
    local may = not connected
        or (attempt.tries < settings.retries.tries and (is_left(attempt, entry) or budget.spend(counts)))
    if may then
        counts.retries = counts.retries + 1
    end
    block.unlock()
    return may
end

-- Whether nginx may ask for another backend after this one. It asks when a connection fails, and then there should be
-- one; but an answer that would be retried is lost when it does, so not where nothing can come of that. A backend that
-- answers is not one whose connections fail.
local function may_ask_again(attempt, s)
    local retries = pools.settings[attempt.tier].retries
    if #retries.statuses == 0 or s.errors_row > 0 or clock.now() - s.answered_at > PROVEN_MS then
        return true
    end
    return attempt.tries < retries.tries and block.pools.tiers[attempt.tier].budget >= 1
end

-- nginx answers 502 then, and failed.lua makes of it what it was.
local function give_up(tier)
    block.lock()
    local counts = block.pools.tiers[tier]
    counts.unserved = counts.unserved + 1
    block.unlock()
    return ngx.exit(NGX_BUSY)
end

--- The balancer phase of the tier with that index.
function M.balance(tier)
    local r = request()
    local attempt = attempts.of(r) or attempts.open(r, tier)
    local is_first = attempt.tries == 0
    if is_first and attempt.entry then -- one that has waited for it
        block.lock()
        earn(tier)
        block.unlock()
    elseif attempt.entry then
        local entry = attempt.entry
        local connected = conclude(r, attempt, true, false)
        if not may_retry(attempt, entry, connected) then
            return give_up(tier)
        end
    end
    local entry = attempt.entry or M.reserve(attempt, is_first)
    if not entry then
        return give_up(tier)
    end
    attempt.tries = attempt.tries + 1
    if may_ask_again(attempt, entry.s) then
        balancer.set_more_tries(1)
    end
    patience.set(attempt, entry)
    local ok, err = balancer.set_current_peer(entry.address, entry.port)
    if not ok then
        ngx.log(ngx.ERR, "could not send a request to ", entry.spec, ": ", err)
        return ngx.exit(NGX_BUSY)
    end
end

--- The status of a request that was given up: of its last try, or 503 when no backend could be asked.
function M.status()
    local attempt = attempts.of(request())
    return attempt and (attempt.status or attempt.tries == 0 and ngx.HTTP_SERVICE_UNAVAILABLE)
end

--- The log phase: what is under way ends.
function M.ended()
    local r = request()
    local attempt = attempts.of(r)
    if not attempt then
        return
    end
    attempts.close(attempt)
    if not attempt.entry then
        return
    end
    if attempt.tries == 0 or not outcome.sent(r) then -- reserved, and never sent by this request
        block.lock()
        block.finish(attempt.entry.slot)
        block.unlock()
        return
    end
    conclude(r, attempt, false, ngx.status == CLIENT_WENT_AWAY)
end

return M
