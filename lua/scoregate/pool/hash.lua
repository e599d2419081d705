-- The same backend for a client as long as it is there: weighted rendezvous hashing (Thaler and Ravishankar 1998;
-- weights as in Schindelhauer and Schomaker 2005). Each pair of client and backend has a number, and the backend with
-- the best one is picked. A backend that goes or comes moves its own clients only, and there is no ring to keep; with
-- at most 64 backends looking at all of them costs little.

local bit = require "bit"

local band, bxor, rol, rshift, tobit = bit.band, bit.bxor, bit.rol, bit.rshift, bit.tobit
local log = math.log

-- Bob Jenkins' lookup3 final(), as in clients.lua.
local function mix(a, b, c)
    c = tobit(bxor(c, b) - rol(b, 14))
    a = tobit(bxor(a, c) - rol(c, 11))
    b = tobit(bxor(b, a) - rol(a, 25))
    c = tobit(bxor(c, b) - rol(b, 16))
    a = tobit(bxor(a, c) - rol(c, 4))
    b = tobit(bxor(b, a) - rol(a, 14))
    return tobit(bxor(c, b) - rol(b, 24))
end

local M = {}

--- A number for a text: where a candidate's `key` comes from.
function M.key(text)
    local h = 0
    for i = 1, #text do
        h = mix(text:byte(i), i, h)
    end
    return h
end

--- Picks one of `n` candidates for the client `a`, `b` (two int32: its key). A slow start would move clients twice, so
-- the weights are the configured ones.
function M.pick(candidates, n, _, _, a, b)
    local best, most
    for i = 1, n do
        local candidate = candidates[i]
        local h = mix(a, b, candidate.key)
        local unit = (rshift(h, 1) * 2 + band(h, 1) + 0.5) / 2 ^ 32
        local score = -candidate.s.weight / log(unit)
        if not best or score > most then
            best, most = candidate, score
        end
    end
    return best
end

return M
