-- Targets that a request may have changed, as POST does: what was kept of them is not given any more (RFC 9111, 4.4).
-- It cannot be removed: instead the key of what is kept from then on has the time of the change in it. So the first who
-- ask afterwards wait for one answer of the backend, and nobody can make them all ask it.

local remembered = require "scoregate.remembered"

local target = remembered.target
-- What nobody asks for is removed after a day (config/nginx_cache.ts): by then nothing is left of before.
local changes = remembered.new("cache_changes", 25 * 3600)
local any = changes.is_used

-- All others, unknown ones too, may change something (RFC 9110, 9.2.1).
local SAFE = { GET = true, HEAD = true, OPTIONS = true, TRACE = true }

local M = {}

--- Learns from an answer to a request that the cache has nothing to do with.
function M.learn(r)
    if ngx.status < 400 and not SAFE[ngx.req.get_method()] then
        changes.set(target(r), ("%.0f"):format(ngx.now() * 1000))
    end
end

--- When the target of request `r` was changed, as a text; nil where it was not.
function M.last(r)
    return any() and changes.get(target(r)) or nil
end

return M
