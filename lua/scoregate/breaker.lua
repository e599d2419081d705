-- The breaker: after a few failures in a row no request waits for the scorer, in any worker, until a
-- probe succeeds. Reports are the probes; while it is open one is sent after a growing pause.

local clients = require "scoregate.clients"

local FAILURES = 3
local PAUSE_MS, LONGEST_PAUSE_MS = 250, 1000

local M = {}

--- Whether requests must not wait.
function M.open()
    return clients.shared.breaker_open == 1
end

--- Whether a report may be sent now; an open breaker lets one worker probe at a time.
function M.may_send(now)
    local shared = clients.shared
    if shared.breaker_open == 0 then
        return true
    end
    clients.lock()
    local due = now >= shared.probe_at
    if due then
        shared.probe_at = now + math.min(PAUSE_MS * 2 ^ (shared.failures - FAILURES), LONGEST_PAUSE_MS)
    end
    clients.unlock()
    return due
end

--- One report, or one wait for its answer, failed.
function M.failed(now, why)
    clients.lock()
    local shared = clients.shared
    shared.failures = shared.failures + 1
    local opened = shared.breaker_open == 0 and shared.failures >= FAILURES
    if opened then
        shared.breaker_open = 1
        shared.probe_at = now + PAUSE_MS
        shared.breaker_opened = shared.breaker_opened + 1
    end
    clients.unlock()
    if opened then
        ngx.log(ngx.WARN, "the scorer does not answer; requests keep their tiers and wait for nothing until it does: ",
            why)
    end
end

--- A report was answered, but later than a request waits: the scorer is there, and still nobody should wait for
-- it. The failures stay; while the breaker is open the next report may go at once, so that hits do not pile up.
function M.succeeded_late(now)
    clients.shared.probe_at = now
end

--- A report was answered in time.
function M.succeeded()
    local shared = clients.shared
    if shared.failures == 0 then
        return
    end
    clients.lock()
    local closed = shared.breaker_open == 1
    shared.failures, shared.breaker_open = 0, 0
    clients.unlock()
    if closed then
        ngx.log(ngx.WARN, "the scorer answers again")
    end
end

return M
