-- The queue of clients about whom this worker wants a verdict: bounded, and ordered by who needs it
-- most. One refresh per client is under way across workers: `refresh_until` in the client's record
-- is its lock, which expires by itself; it is below 0 while the refresh is let gather.

local semaphore = require "ngx.semaphore"
local clients = require "scoregate.clients"
local lease = require "scoregate.lease"
local observations = require "scoregate.observations"

local settings = observations.settings
local abs = math.abs
local BATCH = 512

local GATHERING, CLASSES = 3, 4
local M = { USED_UP = 1, ENDED = 2, FIRST_SEEN = 4, BATCH = BATCH }

-- A verdict that is asked for and does not come may be asked for again after this time.
local LOCK_MS = settings.wait_ms + 2 * settings.timeout_ms

local LINGER_S = 0.01

local queues = {}
for class = 1, CLASSES do
    queues[class] = { first = 1, n = 0 }
end
local batch_ms = 2 -- moving average of what a batch takes
local wake
local urgent, pressing -- whether somebody waits for one of those that are queued, or soon may

--- Called in the worker that will ask.
function M.open()
    wake = assert(semaphore.new())
end

--- Whether a refresh of record `c` is under way in any worker.
function M.under_way(c, now)
    return now < abs(c.refresh_until)
end

--- Says that one is.
function M.begin(c, now)
    c.refresh_until = now + LOCK_MS
end

--- Wants a verdict about slot `i`, record `c` (under the lock). False when the queue of its class is
-- full, or when this worker is ending; true when it is queued or under way already. What another worker lets gather
-- nobody but this one can hurry: it is taken over.
function M.ask(class, i, c, now)
    if class ~= M.ENDED then
        urgent = true
        M.wake()
    end
    if class == M.ENDED and not lease.is_short(c) then
        class = GATHERING
    end
    if M.under_way(c, now) and (c.refresh_until > 0 or class == GATHERING) then
        return true
    end
    if ngx.worker.exiting() then
        return false
    end
    local q = queues[class]
    if q.n >= settings.queue then
        clients.shared.asks_refused = clients.shared.asks_refused + 1
        return false
    end
    M.begin(c, now)
    q[(q.first + q.n - 1) % settings.queue + 1] = i
    q.n = q.n + 1
    if class == GATHERING then
        c.refresh_until = -c.refresh_until
    elseif not pressing then
        pressing = true
        M.wake()
    end
    return true
end

--- Wakes the sender.
function M.wake()
    if wake:count() < 1 then
        wake:post()
    end
end

--- Sleeps until something is wanted soon, at most `seconds`. Refreshes for which nobody waits are let gather, for
-- LINGER_S or, where much is left of the lease, until the time is up: a report of many costs hardly more than one of
-- a single client.
function M.sleep(seconds)
    wake:wait(seconds)
    if pressing and not urgent then
        wake:wait(LINGER_S)
    end
end

-- The first slot of a class; nil when another worker has taken it over meanwhile.
local function pop(class)
    local q = queues[class]
    local i = q[q.first]
    q.first = q.first % settings.queue + 1
    q.n = q.n - 1
    if class == GATHERING and clients.slots[i].refresh_until >= 0 then
        return nil
    end
    return i
end

--- The next slot that is wanted, or nil (under the lock).
function M.next()
    for class = 1, CLASSES do
        while queues[class].n > 0 do
            local i = pop(class)
            if i then
                return i
            end
        end
    end
    urgent, pressing = false, false
    return nil
end

--- Leaves what is queued for other workers to ask about.
function M.drop()
    clients.lock()
    local i = M.next()
    while i do
        clients.slots[i].refresh_until = 0
        i = M.next()
    end
    clients.unlock()
end

--- Whether somebody waits for one of those that are queued.
function M.urgent()
    return urgent and M.length() > 0
end

--- Number queued.
function M.length()
    return queues[1].n + queues[2].n + queues[3].n + queues[4].n
end

--- Learns how long a batch took, in ms.
function M.took(ms)
    batch_ms = batch_ms + (ms - batch_ms) / 8
end

--- How long a verdict that is asked for now may take, in ms.
function M.work_ms()
    return (1 + math.ceil((M.length() + 1) / BATCH)) * batch_ms
end

return M
