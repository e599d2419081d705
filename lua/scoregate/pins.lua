-- Networks that the configuration pins to a tier. nginx has looked the client's address up in its tree: $access is
-- allow, deny, or pin: and the tier's name.

local ffi = require "ffi"
local observations = require "scoregate.observations"
local variable = require "scoregate.variable"

local settings = observations.settings
local P = 112 -- what only a pin begins with

local M = {}

if settings.pins then
    local access = variable.reader("access")
    local index = {}
    for i, name in ipairs(settings.tiers) do
        index["pin:" .. name] = i - 1
    end

    --- The tier, from 0, that request `r` is pinned to; nil when it is not. There only where networks are pinned.
    function M.tier(r)
        local text, size = access(r)
        if size == 0 or text[0] ~= P then
            return nil
        end
        return index[ffi.string(text, size)]
    end
end

return M
