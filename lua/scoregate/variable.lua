-- nginx variables without Lua strings.
--
-- `ngx.var.NAME` lowers and hashes the name and interns a Lua string of the value, for every request.
-- On the path only a few bytes or a length are wanted, so this asks nginx's core itself, as its C modules
-- do (ngx_http_get_variable, the same in nginx 1.22 and 1.27), with the hash made once, and leaves
-- the value where nginx holds it.

local ffi = require "ffi"
local bit = require "bit"
local base = require "resty.core.base"
require "resty.core.var"

local C = ffi.C
local band = bit.band

ffi.cdef [[
typedef struct { size_t size; const char *data; } scoregate_name;
typedef struct { uint32_t size_and_flags; const unsigned char *data; } scoregate_value;
uintptr_t ngx_hash_key(const unsigned char *data, size_t size);
scoregate_value *ngx_http_get_variable(void *r, scoregate_name *name, uintptr_t hash);
]]

-- ngx_variable_value_t: 28 bits of length, then valid, no_cacheable, not_found
local SIZE, NOT_FOUND = 0x0fffffff, 0x40000000

-- ngx_lua 0.10.23 and 0.10.28 declare these pointers as char and as unsigned char: void * fits both.
local lowcase, errbuf, errlen = ffi.new("char[64]"), ffi.new("char[256]"), ffi.new("size_t[1]")
local lowcase_p, errbuf_p, errlen_p =
    ffi.cast("void *", lowcase), ffi.cast("void *", errbuf), ffi.cast("void *", errlen)

-- A void *, and a name's `data`, do not keep what they point at from the garbage collector: `kept` does.
local M = { request = base.get_request, kept = { lowcase, errbuf, errlen } }

--- A reader of one variable: `read(r)` gives pointer (const unsigned char *) and length in
-- bytes, or nil and 0 when the variable is not set. The pointer is good until the phase ends.
function M.reader(name)
    local its_name = ffi.new("scoregate_name", #name, name)
    local hash = C.ngx_hash_key(name, #name)
    M.kept[#M.kept + 1] = name
    return function(r)
        local value = C.ngx_http_get_variable(r, its_name, hash)
        if value == nil or band(value.size_and_flags, NOT_FOUND) ~= 0 then
            return nil, 0
        end
        return value.data, band(value.size_and_flags, SIZE)
    end
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

return M
