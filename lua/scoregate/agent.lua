-- A request's user agent: its hash, and of what class it is.
--
-- Sites see the same few agents again and again, so an agent is looked through once and then known. It is looked for by
-- its hash and known by its text: one that is made to have the hash of a browser's takes its place, not its class.

local ffi = require "ffi"
local bit = require "bit"
local fixed = require "scoregate.fixed"
local observations = require "scoregate.observations"
local words = require "scoregate.words"

local C = ffi.C
ffi.cdef [[
int memcmp(const void *one, const void *other, size_t size);
uint32_t ngx_murmur_hash2(const unsigned char *data, size_t size);
void ngx_strlow(unsigned char *to, const unsigned char *from, size_t size);
]]
local memcmp, murmur = C.memcmp, C.ngx_murmur_hash2
local band, min = bit.band, math.min
local LOOK_AT = 255 -- bytes
local PLACES = 4096 -- a power of two

local lower = ffi.new("unsigned char[?]", LOOK_AT)
local agents = observations.settings.vocabulary.agents
local is_declared = words.contains(agents.declared)
local is_browser = words.begins(agents.browser)

local EMPTY = 0
local M = { EMPTY = EMPTY, BROWSER = 1, TOOL = 2, DECLARED = 3, FORGED = 4 }

-- Each agent has one place, in which it follows another: 1 MB for each worker, however many agents there are.
local known = fixed.array(("struct { int32_t size; uint8_t class; unsigned char text[%d]; }"):format(LOOK_AT), PLACES)

-- It says of itself what cannot be.
local function is_forged(text)
    for i = 1, #agents.forged do
        if ngx.re.find(text, agents.forged[i], "jo") then
            return true
        end
    end
    return false
end

local function class(text, whole)
    local size = min(whole, LOOK_AT)
    C.ngx_strlow(lower, text, size)
    if is_declared(lower, size) then
        return M.DECLARED
    end
    -- Of one that is longer the end is missing, which the patterns look at.
    if whole <= LOOK_AT and is_forged(ffi.string(lower, size)) then
        return M.FORGED
    end
    return is_browser(lower, size) and M.BROWSER or M.TOOL
end

--- Looks at a user agent of `size` bytes at `text` (const unsigned char *); a size of 0 is none.
-- Returns its hash (MurmurHash2, 32 bits; 0 for none), and its class.
function M.look(text, size)
    if size == 0 then
        return 0, EMPTY
    end
    local hash = murmur(text, size)
    local its = known[band(hash, PLACES - 1)]
    local looked_at = min(size, LOOK_AT)
    if its.size ~= size or memcmp(its.text, text, looked_at) ~= 0 then
        its.class, its.size = class(text, size), size
        ffi.copy(its.text, text, looked_at)
    end
    return hash, its.class
end

return M
