-- When the backend last said of an entry that it has not changed (304). nginx keeps the answer as it was, with the old
-- Date, and a time that it does not tell (RFC 9111, 4.3.4 asks for the new one).

local remembered = require "scoregate.remembered"

local target = remembered.target
local validations = remembered.new("cache_validations", 0)
local any = validations.is_used

local M = {}

-- The entries of one target (of tiers, schemes, and for Vary) are told apart by the second that they are of.
local function entry(r, who, given_at)
    return given_at .. " " .. target(r, who)
end

--- Notes it of the entry that request `r` gets, which is of `given_at` and for whom `who` says.
function M.note(r, who, given_at)
    validations.set(entry(r, who, given_at), ngx.time())
end

--- When it was (seconds); nil where nothing is known.
function M.last(r, who, given_at)
    return any() and validations.get(entry(r, who, given_at)) or nil
end

return M
