-- A request's target: which bit of the path bitmap it sets, and whether it names an asset.
--
-- A loop over its bytes in Lua would keep LuaJIT from compiling the access phase as one trace, so the
-- work is done by functions of the C library and of nginx's core, which nginx exports to its modules.

local ffi = require "ffi"
local bit = require "bit"
local observations = require "scoregate.observations"

local C = ffi.C
local rshift = bit.rshift

ffi.cdef [[
unsigned char *memchr(const void *text, int byte, size_t size);
unsigned char *memrchr(const void *text, int byte, size_t size);
uint32_t ngx_murmur_hash2(const unsigned char *data, size_t size);
void ngx_strlow(unsigned char *to, const unsigned char *from, size_t size);
]]

local SLASH, DOT, QUESTION, HASH = 47, 46, 63, 35
local LONGEST = 8 -- of an asset's extension

local lower = ffi.new("unsigned char[?]", LONGEST)

-- Extensions are compared by their hash, so that no string is made.
local is_asset = {}
for extension in pairs(observations.asset_extensions) do
    assert(#extension <= LONGEST, "asset_extensions: an extension has at most 8 letters: " .. extension)
    is_asset[C.ngx_murmur_hash2(extension, #extension)] = true
end

local M = {}

local function cut(text, size, byte)
    local at = C.memchr(text, byte, size)
    return at == nil and size or tonumber(at - text)
end

local function asset(text, size)
    local dot = C.memrchr(text, DOT, size)
    if dot == nil then
        return false
    end
    local length = tonumber(text + size - dot) - 1
    if length > LONGEST or C.memchr(dot, SLASH, length + 1) ~= nil then
        return false
    end
    C.ngx_strlow(lower, dot + 1, length)
    return is_asset[C.ngx_murmur_hash2(lower, length)] == true
end

--- Looks at a target of `size` bytes at `text` (const unsigned char *) up to its `?` or `#`:
-- bit 0..63 (the top six bits of the path's MurmurHash2, as scorer/observations.ts computes it), and
-- whether its extension is an asset's.
function M.look(text, size)
    size = cut(text, cut(text, size, QUESTION), HASH)
    return rshift(C.ngx_murmur_hash2(text, size), 26), asset(text, size)
end

return M
