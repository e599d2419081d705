-- A request's target: its path's hash, and what it looks like.
--
-- A loop over its bytes in Lua would keep LuaJIT from compiling the access phase as one trace, so the
-- work is done by functions of the C library and of nginx's core, which nginx exports to its modules.

local ffi = require "ffi"
local fixed = require "scoregate.fixed"
local observations = require "scoregate.observations"
local words = require "scoregate.words"

local C = ffi.C
local max, tonumber = math.max, tonumber

ffi.cdef [[
int memcmp(const void *one, const void *other, size_t size);
unsigned char *memchr(const void *text, int byte, size_t size);
unsigned char *memrchr(const void *text, int byte, size_t size);
uint32_t ngx_murmur_hash2(const unsigned char *data, size_t size);
void ngx_strlow(unsigned char *to, const unsigned char *from, size_t size);
]]

local memcmp, memchr, memrchr, memmem = C.memcmp, C.memchr, C.memrchr, C.memmem
local murmur, to_lower = C.ngx_murmur_hash2, C.ngx_strlow

local SLASH, DOT, QUESTION, HASH, PERCENT = 47, 46, 63, 35, 37
local LONGEST = 8 -- of an extension
local WELL_KNOWN = "/.well-known/"
local ROBOTS = "/robots.txt"

local lower = fixed.array("unsigned char", LONGEST)
local vocabulary = observations.settings.vocabulary
local odd_escaped = words.contains(vocabulary.odd.escaped)

local NONE, ROBOTS_TXT = 0, 3
local M = { NONE = NONE, ASSET = 1, SCRIPT = 2, ROBOTS = ROBOTS_TXT }

-- Extensions are compared by their hash, so that no string is made.
local ending_of = {}
for kind, extensions in pairs(vocabulary.endings) do
    for _, extension in ipairs(extensions) do
        assert(#extension <= LONGEST, "endings: an extension has at most 8 letters: " .. extension)
        ending_of[murmur(extension, #extension)] = M[kind:upper()]
    end
end

-- Few targets have two dots in a row: what has them is looked for only there.
local dotted, others = {}, {}
for _, word in ipairs(vocabulary.odd.raw) do
    table.insert(word:find("..", 1, true) and dotted or others, word)
end
local odd_dotted, odd_other = words.contains(dotted), words.contains(others)

local function cut(text, size, byte)
    local at = memchr(text, byte, size)
    return at == nil and size or tonumber(at - text)
end

local function ending(text, size)
    if size == #ROBOTS and memcmp(text, ROBOTS, size) == 0 then
        return ROBOTS_TXT
    end
    local dot = memrchr(text, DOT, size)
    if dot == nil then
        return NONE
    end
    local length = tonumber(text + size - dot) - 1
    if length > LONGEST or memchr(dot, SLASH, length + 1) ~= nil then
        return NONE
    end
    to_lower(lower, dot + 1, length)
    return ending_of[murmur(lower, length)] or NONE
end

-- A segment that begins with a dot; /.well-known/ (RFC 8615) is meant to be asked for. The first dot is at `dot`.
local function hidden(text, size, dot)
    local from = max(dot, 1) - 1
    return dot < size and memmem(text + from, size - from, "/.", 2) ~= nil
        and memmem(text, size, WELL_KNOWN, #WELL_KNOWN) == nil
end

-- What no page links to: no path of ours, steps up, escaped dots, markup.
local function odd(text, size, dot)
    return size == 0 or text[0] ~= SLASH or (size > 1 and text[1] == SLASH) or odd_other(text, size)
        or (dot < size and memmem(text + dot, size - dot, "..", 2) ~= nil and odd_dotted(text, size))
        or (memchr(text, PERCENT, size) ~= nil and odd_escaped(text, size))
end

-- nginx's $request_uri is without scheme and host, whatever form the target came in.
local function path_size(text, size)
    return cut(text, cut(text, size, QUESTION), HASH)
end

--- Looks at a target of `size` bytes at `text` (const unsigned char *): the hash (MurmurHash2, 32 bits) of its
-- path up to `?` or `#`, its ending (ASSET, SCRIPT, ROBOTS for /robots.txt itself, or NONE), whether a segment of it
-- begins with a dot, and whether the target is odd.
function M.look(text, size)
    local path, dot = path_size(text, size), cut(text, size, DOT)
    return murmur(text, path), ending(text, path), hidden(text, path, dot), odd(text, size, dot)
end

--- The hash and the ending alone: for the log phase of a request that failed.
function M.place(text, size)
    size = path_size(text, size)
    return murmur(text, size), ending(text, size)
end

return M
