-- Requests that wait for a verdict: all that wait for one client in this worker share a semaphore.
-- Semaphores are kept and used again.

local semaphore = require "ngx.semaphore"

local M = {}

local waiting = {} -- slot → {semaphore, n}
local spare = {}

-- Another worker's answer can't post this worker's semaphore: look again this often.
local LOOK_AGAIN_S = 0.002

--- Waits until slot `i` has had an answer, at most `seconds`; may return earlier, so look again.
function M.wait(i, seconds, elsewhere)
    local group = waiting[i]
    if not group then
        group = table.remove(spare) or { sema = assert(semaphore.new()), n = 0 }
        waiting[i] = group
    end
    group.n = group.n + 1
    group.sema:wait(elsewhere and math.min(seconds, LOOK_AGAIN_S) or seconds)
    group.n = group.n - 1
    if group.n == 0 then
        if waiting[i] == group then
            waiting[i] = nil
        end
        spare[#spare + 1] = group -- a post that came too late wakes its next user early, who looks again
    end
end

--- Lets all that wait for slot `i` go on.
function M.release(i)
    local group = waiting[i]
    if group then
        waiting[i] = nil
        group.sema:post(group.n)
    end
end

return M
