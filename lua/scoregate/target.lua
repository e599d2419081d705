-- One pass over the bytes of a request's target: which bit of the path bitmap it sets, and whether
-- its extension is an asset's.

local bit = require "bit"
local observations = require "scoregate.observations"

local band, bor, bxor, lshift, rshift, rol, tobit =
    bit.band, bit.bor, bit.bxor, bit.lshift, bit.rshift, bit.rol, bit.tobit

local SLASH, DOT, QUESTION, HASH = 47, 46, 63, 35
local NO_EXTENSION = -1

-- Extensions are compared by this hash of their bytes in lower case, so that no string is made.
local function extend(hash, byte)
    return tobit(rol(hash, 5) + bor(byte, 32))
end

local is_asset = {}
for extension in pairs(observations.asset_extensions) do
    local hash = 0
    for k = 1, #extension do
        hash = extend(hash, extension:byte(k))
    end
    is_asset[hash] = true
end

local M = {}

--- Looks at a target of `size` bytes at `text` up to its `?` or `#`: bit 0..63 (the top six bits of
-- Bob Jenkins' one-at-a-time hash, as scorer/observations.ts computes it), and whether an asset.
function M.look(text, size)
    local hash, extension = 0, NO_EXTENSION
    for k = 0, size - 1 do
        local byte = text[k]
        if byte == QUESTION or byte == HASH then
            break
        end
        hash = tobit(hash + byte)
        hash = tobit(hash + lshift(hash, 10))
        hash = bxor(hash, rshift(hash, 6))
        if byte == DOT then
            extension = 0
        elseif byte == SLASH then
            extension = NO_EXTENSION
        elseif extension ~= NO_EXTENSION then
            extension = extend(extension, byte)
        end
    end
    hash = tobit(hash + lshift(hash, 3))
    hash = bxor(hash, rshift(hash, 11))
    hash = tobit(hash + lshift(hash, 15))
    return band(rshift(hash, 26), 63), is_asset[extension] == true
end

return M
