-- This worker's one sender: takes a report, posts it, applies the answer; one POST under way. A report
-- whose answer was lost is posted again unchanged, before anything newer; the scorer counts it once.

local asks = require "scoregate.asks"
local breaker = require "scoregate.breaker"
local clients = require "scoregate.clients"
local clock = require "scoregate.clock"
local fixed = require "scoregate.fixed"
local observations = require "scoregate.observations"
local opening = require "scoregate.opening"
local report = require "scoregate.report"
local scorer = require "scoregate.scorer"
local verdicts = require "scoregate.verdicts"

local settings = observations.settings
local TICK_S = 0.2
local HEARTBEAT_MS = 700 -- with the tick, each gateway posts at least once a second
local ROUND_MS = 5000 -- a timer's memory is freed when its handler ends
local ORPHANS = "orphans"
-- Where nobody waits, every answer within the scorer's time limit is in time.
local IN_TIME_MS = settings.wait_ms > 0 and settings.wait_ms or settings.timeout_ms

local M = {}

-- Whether this worker has said what it had to (1); requests under way may still end in it.
local left = fixed.array("int32_t", 1)
local sender, seq, orphans = nil, 0, 0
local batch, body -- the report that has no answer yet
local none -- a batch without clients: an orphan's answer is nobody's
local posted_at, overdue_counted

--- Says that a request's wait ran out: counts once for each POST that is late. The request may have waited for an
-- earlier POST first, and clocks tick in whole milliseconds: half of the wait is late enough.
function M.wait_ran_out(now)
    if settings.wait_ms > 0 and posted_at and not overdue_counted and now - posted_at >= settings.wait_ms / 2 then
        overdue_counted = true
        breaker.failed(now, "no answer within " .. settings.wait_ms .. " ms")
    end
end

local function next_report(now)
    local shared = clients.shared
    local orphan = ngx.shared.scoregate:lpop(ORPHANS)
    if orphan then
        body, M.current = orphan, none
        return
    end
    if report.take(batch, now) == 0 and now - shared.posted_at < HEARTBEAT_MS then
        return
    end
    shared.posted_at = now
    seq = seq + 1
    body, M.current = report.encode(batch, sender, seq, now), batch
end

local function post(now)
    posted_at, overdue_counted = now, false
    clients.tally("posts")
    local status, text = scorer.post(body)
    posted_at = nil
    if not status then
        return nil, text
    end
    if status == 400 or status == 413 then
        clients.tally("posts_refused")
        clients.tally("lost_hits", report.hits(M.current))
        ngx.log(ngx.ERR, "the scorer refused a report, which is dropped: ", text)
        body = nil
        return true
    end
    if status ~= 200 then
        return nil, "could not score: the scorer answered " .. status
    end
    local answer, err = verdicts.read(text, M.current)
    if not answer and M.current ~= none then
        return nil, err
    end
    body = nil
    now = clock.now()
    if answer then
        verdicts.apply(M.current, answer, now)
    end
    return true
end

-- Sends what there is to send; true when there may be more.
local function try_step()
    local now = clock.now()
    if not breaker.may_send(now) then
        return false
    end
    if not body then
        next_report(now)
    elseif M.current == batch then
        body = report.encode(batch, sender, seq, now) -- unchanged, but for its hits' ages at sending
    end
    if not body then
        return false
    end
    local ok, err = post(now)
    if not ok then
        clients.tally("post_failures")
        breaker.failed(clock.now(), err)
        return false
    end
    local took = clock.now() - now
    asks.took(took)
    if took <= IN_TIME_MS then
        breaker.succeeded()
    else
        breaker.succeeded_late(clock.now())
    end
    return asks.urgent() or M.current == none or M.current.n == asks.BATCH
end

local function orphan()
    local ok, err = ngx.shared.scoregate:rpush(ORPHANS, body)
    if not ok then
        clients.tally("lost_hits", report.hits(M.current))
        ngx.log(ngx.ERR, "a report was lost when a worker ended: ", err)
    end
    body = nil
end

-- Whatever goes wrong in a step, the worker goes on sending.
local function step()
    local ok, more = pcall(try_step)
    if ok then
        return more
    end
    posted_at = nil
    ngx.log(ngx.ERR, "a report failed in a way that nobody foresaw: ", more)
    clients.tally("post_failures")
    breaker.failed(clock.now(), more)
    return false
end

-- When the workers that follow use another block of memory (limits were changed), what this worker's block
-- holds unreported is left to them too.
local function leave_unreported()
    while not opening.is_latest() and report.take_all(batch, clock.now()) > 0 do
        orphans = orphans + 1
        -- a sender of its own for each: two workers may post them in any order
        body, M.current = report.encode(batch, sender .. "." .. orphans, 1, clock.now()), batch
        orphan()
    end
end

-- A worker that goes leaves its unanswered report to the others.
local function leave()
    if body and (M.current == none or M.current.n > 0) then
        orphan()
    end
    asks.drop()
    leave_unreported()
    left[0] = 1
end

--- Leaves what a request has counted that ended after leave(). Called in every log phase.
function M.leave_more()
    if left[0] == 1 then
        assert(ngx.timer.at(0, leave_unreported))
    end
end

local function round(premature)
    local ends = clock.now() + ROUND_MS
    while not premature and not ngx.worker.exiting() and clock.now() < ends do
        asks.sleep(TICK_S)
        repeat
            local more = not ngx.worker.exiting() and step()
        until not more
    end
    if premature or ngx.worker.exiting() then
        leave()
        return
    end
    assert(ngx.timer.at(0, round))
end

--- Starts the sender of this worker.
function M.start()
    sender = ("%s/%.0f-%d/%d"):format(settings.gateway, ngx.now() * 1000, ngx.worker.pid(), ngx.worker.id())
    batch, none = report.batch(), { n = 0, slot = {} }
    M.current = none
    asks.open()
    assert(ngx.timer.at(0, round))
end

return M
