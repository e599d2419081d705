-- Whether a form comes back faster than a person could fill it in; scorer/hasty.ts says the same of an access log.
--
-- A client's record holds hashes of the last two pages (path and user agent, as people behind one address may ask
-- for the same) that it asked for with GET, and when. Assets are no pages.

local bit = require "bit"
local target = require "scoregate.target"

local bxor = bit.bxor
local ASSET = target.ASSET
local HASTY_MS = 2000

local M = {}

--- Notes a request of the client `c` at `now` (ms), by the hashes of its path and its user agent. Returns whether it is
-- hasty: no GET, and one of the last two pages, asked for less than HASTY_MS before.
function M.hasty(c, method, ending, path, agent, now)
    local page = bxor(path, agent)
    if method ~= "GET" then
        return (c.page == page and now - c.page_at < HASTY_MS)
            or (c.page_before == page and now - c.page_before_at < HASTY_MS)
    end
    if ending ~= ASSET then
        c.page_before, c.page_before_at = c.page, c.page_at
        c.page, c.page_at = page, now
    end
    return false
end

return M
