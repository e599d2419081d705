-- Whether a form comes back faster than a person could fill it in; scorer/hasty.ts says the same of an access log.
--
-- A client's record holds the hashes of the last two pages (GET, but for assets) that it asked for, and when.

local target = require "scoregate.target"

local ASSET = target.ASSET
local HASTY_MS = 2000

local M = {}

--- Notes a request of the client `c` for a path with this hash, at `now` (ms). Returns whether it is hasty: no GET, and
-- its path is one of the last two pages, asked for less than HASTY_MS before.
function M.hasty(c, method, ending, path, now)
    if method ~= "GET" then
        return (c.page == path and now - c.page_at < HASTY_MS)
            or (c.page_before == path and now - c.page_before_at < HASTY_MS)
    end
    if ending ~= ASSET then
        c.page_before, c.page_before_at = c.page, c.page_at
        c.page, c.page_at = path, now
    end
    return false
end

return M
