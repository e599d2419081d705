-- What a form that is sent says by what its client asked for before; scorer/form.ts says the same of an access log.
--
-- A client's record holds hashes of the last two pages (path and user agent, as people behind one address may ask
-- for the same) that it asked for with GET, and when. Assets are no pages.

local bit = require "bit"
local METHOD = require "scoregate.method"
local target = require "scoregate.target"

local bxor = bit.bxor
local ASSET, GET = target.ASSET, METHOD.GET
local HASTY_MS = 2000

local M = { HASTY = 1, UNASKED = 2 }

--- Notes a request of the client `c` at `now` (ms), by the hashes of its path and its user agent. Of what is no GET it
-- returns HASTY if one of the last two pages was asked for less than HASTY_MS before, UNASKED if none ever was; else 0.
function M.form(c, method, ending, path, agent, now)
    local page = bxor(path, agent)
    if method ~= GET then
        if c.page_at == 0 then
            return M.UNASKED
        end
        local hasty = (c.page == page and now - c.page_at < HASTY_MS)
            or (c.page_before == page and now - c.page_before_at < HASTY_MS)
        return hasty and M.HASTY or 0
    end
    if ending ~= ASSET then
        c.page_before, c.page_before_at = c.page, c.page_at
        c.page, c.page_at = page, now
    end
    return 0
end

return M
