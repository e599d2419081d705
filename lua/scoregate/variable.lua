-- nginx variables without Lua strings.
--
-- `ngx.var.NAME` lowers and hashes the name, looks it up and interns a Lua string of the value, for every request.
-- On the path only a few bytes or a length are wanted, so this asks nginx's core itself, as its C modules do, and
-- leaves the value where nginx holds it. Most variables have an index, given when the configuration is read; it is
-- found out with the first request, and serves for all that follow.

local ffi = require "ffi"
local bit = require "bit"
local base = require "resty.core.base"
local fixed = require "scoregate.fixed"
require "resty.core.var"

-- Each variable has functions of its own (fixed.lua), made by these three.

local function make_finder(get_flushed, indexes, k, find_unknown)
    return function(r)
        local index = indexes[k]
        if index >= 0 then
            return get_flushed(r, index)
        end
        return find_unknown(r)
    end
end

local function make_reader(find, size_of)
    return function(r)
        local value = find(r)
        local size = size_of(value)
        if size == 0 then
            return nil, 0
        end
        return value.data, size
    end
end

local function make_first_writer(indexes, k, learn, put)
    return function(r, values, kept)
        if indexes[k] < 0 then
            learn(r)
        end
        put(values[indexes[k]], kept)
    end
end

local C = ffi.C
local band, bor = bit.band, bit.bor

ffi.cdef [[
typedef struct { size_t size; const char *data; } scoregate_name;
typedef struct { int32_t size_and_flags; const unsigned char *data; } scoregate_value;
uintptr_t ngx_hash_key(const unsigned char *data, size_t size);
scoregate_value *ngx_http_get_variable(void *r, scoregate_name *name, uintptr_t hash);
scoregate_value *ngx_http_get_indexed_variable(void *r, uintptr_t index);
scoregate_value *ngx_http_get_flushed_variable(void *r, uintptr_t index);
]]

local get_variable, get_indexed = C.ngx_http_get_variable, C.ngx_http_get_indexed_variable
local get_flushed = C.ngx_http_get_flushed_variable

-- ngx_variable_value_t: 28 bits of length, then valid, no_cacheable, not_found
local SIZE, VALID, NOT_FOUND = 0x0fffffff, 0x10000000, 0x40000000
local UNKNOWN, NO_INDEX = -1, -2 -- as what stands for an index
local MOST = 64 -- finders and writers

-- ngx_lua 0.10.23 and 0.10.28 declare these pointers as char and as unsigned char: void * fits both.
local lowcase, errbuf, errlen = ffi.new("char[64]"), ffi.new("char[256]"), ffi.new("size_t[1]")
local lowcase_p, errbuf_p, errlen_p =
    ffi.cast("void *", lowcase), ffi.cast("void *", errbuf), ffi.cast("void *", errlen)

-- A void *, and a name's `data`, do not keep what they point at from the garbage collector: `kept` does.
local M = { request = base.get_request, kept = { lowcase, errbuf, errlen } }

-- Where the variables are, in one place together: what a request looks for is near.
local indexes, used = fixed.array("int32_t", MOST), 0

local function place()
    assert(used < MOST, "there is no room for the index of another variable; raise MOST in lua/scoregate/variable.lua")
    indexes[used] = UNKNOWN
    used = used + 1
    return used - 1
end

local function named(name)
    M.kept[#M.kept + 1] = name
    return ffi.new("scoregate_name", #name, name), C.ngx_hash_key(name, #name)
end

-- A variable with an index is the same entry of the request's array each time; any other gets memory anew.
local function index_of(r, name, hash)
    local value, first = get_variable(r, name, hash), get_indexed(r, 0)
    if value == nil or first == nil or value ~= get_variable(r, name, hash) then
        return NO_INDEX
    end
    return tonumber(value - first)
end

--- A function of a request that gives one variable's value as nginx holds it (a scoregate_value), or nil.
function M.finder(name)
    local its_name, hash = named(name)
    local k = place()
    return fixed.made(make_finder, get_flushed, indexes, k, function(r)
        if indexes[k] == UNKNOWN then
            indexes[k] = index_of(r, its_name, hash)
        end
        return get_variable(r, its_name, hash)
    end)
end

--- The length of a value; 0 when the variable is not set.
local function size_of(value)
    return (value == nil or band(value.size_and_flags, NOT_FOUND) ~= 0) and 0 or band(value.size_and_flags, SIZE)
end
M.size = size_of

--- A reader of one variable: `read(r)` gives pointer (const unsigned char *) and length in
-- bytes, or nil and 0 when the variable is not set. The pointer is good until the phase ends.
function M.reader(name)
    return fixed.made(make_reader, M.finder(name), size_of)
end

--- A writer of one variable that a `set` in the server declares: `write(r, text)`.
function M.writer(name)
    local size = #name
    return function(r, text)
        errlen[0] = 256
        if C.ngx_http_lua_ffi_var_set(r, name, size, lowcase_p, text, #text, errbuf_p, errlen_p) ~= 0 then
            error("could not set $" .. name .. ": " .. ffi.string(errbuf, errlen[0]))
        end
    end
end

--- A text for a writer_of_kept(): made once, kept as long as the worker lives.
function M.keep(text)
    M.kept[#M.kept + 1] = text
    return ffi.new("scoregate_value", bor(VALID, #text), ffi.cast("const unsigned char *", text))
end

--- An array for `n` of what keep() makes, from 0.
function M.array(n)
    return fixed.array("scoregate_value", n)
end

--- Makes a value that a finder() has given what keep() has made: nothing is looked up and nothing copied.
local function put(value, kept)
    value.size_and_flags, value.data = kept.size_and_flags, kept.data
end
M.put = put

--- A writer like the one above, of what keep() has made.
function M.writer_of_kept(name)
    local find = M.finder(name)
    return function(r, kept)
        put(find(r), kept)
    end
end

--- The values of request `r`, an array by index, for the writers below.
function M.values(r)
    return get_indexed(r, 0)
end

--- A writer of what keep() has made over a value that nobody has asked for yet: `write(r, values(r), kept)`. nginx is
-- not asked for it either, so a map that says what it is without us costs nothing.
function M.first_writer(name)
    local its_name, hash = named(name)
    local k = place()
    local function learn(r)
        indexes[k] = index_of(r, its_name, hash)
        assert(indexes[k] ~= NO_INDEX, "the configuration gives a variable that is written no index")
    end
    return fixed.made(make_first_writer, indexes, k, learn, put)
end

return M
