-- What LuaJIT takes for a constant.
--
-- To compiled code a local that is never assigned again is a constant, if it is a number, a function or a cdata of at
-- most 16 bytes, as a pointer is. A table, a library (ffi.C) or an array is fetched and checked for every request, each
-- from memory that nginx's own work has pushed out of the processor's cache by then.

local ffi = require "ffi"

local M = {}

local kept = {} -- what only a pointer points at would be collected

--- A pointer to `n` new elements of a C type, all zero, which last as long as the worker.
function M.array(ctype, n)
    local array = ffi.new(ffi.typeof("$[?]", ffi.typeof(ctype)), n)
    kept[#kept + 1] = array
    return ffi.cast(ffi.typeof("$ *", ffi.typeof(ctype)), array)
end

--- What `make(...)` returns, of code of its own: of one function that many are made of LuaJIT knows the code alone, and
-- fetches for each what it was made with. `make` may use its arguments only.
function M.made(make, ...)
    return loadstring(string.dump(make))(...)
end

return M
