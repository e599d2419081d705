-- Tests for words in a text that is not a Lua string, made once as straight code without a loop, so that
-- LuaJIT can make them part of a trace.

local ffi = require "ffi"

ffi.cdef [[
void *memmem(const void *text, size_t size, const char *word, size_t length);
unsigned char *memchr(const void *text, int byte, size_t size);
int memcmp(const void *text, const char *word, size_t length);
]]

local C = ffi.C

local M = {}

local function compile(tests)
    local source = "local memchr, memmem, memcmp = ...\nreturn function(text, size)\n    return %s\nend"
    local chunk = assert(loadstring(source:format(table.concat(tests, "\n        or ")), "=words"))
    return chunk(C.memchr, C.memmem, C.memcmp)
end

--- A function(text, size) that says whether one of `words` is in the text.
function M.contains(words)
    local tests = {}
    for i, word in ipairs(words) do
        -- few have its first letter, which is found much faster
        tests[i] = ("(memchr(text, %d, size) ~= nil and memmem(text, size, %q, %d) ~= nil)")
            :format(word:byte(), word, #word)
    end
    return compile(tests)
end

--- A function(text, size) that says whether the text begins with one of `words`.
function M.begins(words)
    local tests = {}
    for i, word in ipairs(words) do
        tests[i] = ("(size >= %d and memcmp(text, %q, %d) == 0)"):format(#word, word, #word)
    end
    return compile(tests)
end

return M
