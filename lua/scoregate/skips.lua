-- Targets whose answers are not kept. Of the requests for something that is not in the cache one goes to the backend
-- and the others wait for what it brings. If that may not be kept, they would go one after the other: such targets are
-- remembered for a while and do not wait. Each answer says anew whether it is so: to remember it for long costs
-- nothing.

local remembered = require "scoregate.remembered"
local variable = require "scoregate.variable"

local request, target = variable.request, remembered.target
local skips = remembered.new("cache_skips", 600)
local any = skips.is_used

local M = {}

--- Whether the target of this request is one whose answers are not kept. `who` is the variable that says whom the
-- entries are for.
function M.known(who)
    return any() and skips.get(target(request(), who)) == true
end

--- Learns from an answer of a backend, whose cache status is `status`, whether the target's are kept: not, if it is
-- `refused`. What was asked around the cache for the sake of the request itself (an upgrade, a body) does not say so.
function M.learn(r, status, who, refused)
    local around = status == "BYPASS"
    if not refused and not around then
        return
    end
    local key = target(r, who)
    if not refused then
        skips.forget(key)
    elseif not around or skips.get(key) then
        skips.set(key, true)
    end
end

return M
