-- nginx variables without Lua strings.
--
-- `ngx.var.NAME` interns a Lua string for every value. On the path of every request only a
-- few bytes or a length are wanted, so this calls the function under ngx.var (lua-resty-core's
-- resty.core.var, the same signature in ngx_lua 0.10.23 and 0.10.28) and leaves the value where
-- nginx holds it.

local ffi = require "ffi"
local base = require "resty.core.base"
require "resty.core.var"

local C = ffi.C
local NGX_OK = 0

local value = ffi.new("unsigned char *[1]")
local length = ffi.new("size_t[1]")
local errbuf = ffi.new("char[256]")
local errlen = ffi.new("size_t[1]")

-- The two releases declare these pointers as char and as unsigned char: void * fits both.
local function untyped(buffer)
    return ffi.cast("void *", buffer)
end

local lowcase_buffer, err_buffer = ffi.new("char[64]"), ffi.new("char *[1]")
local value_p, length_p = untyped(value), untyped(length)
local lowcase, err_p = untyped(lowcase_buffer), untyped(err_buffer)
local errbuf_p, errlen_p = untyped(errbuf), untyped(errlen)

-- A void * does not keep what it points at from the garbage collector: `kept` does.
local M = { request = base.get_request, kept = { lowcase_buffer, err_buffer, value, length, errbuf, errlen } }

--- A reader of one variable: `read(r)` gives pointer (const unsigned char *) and length in
-- bytes, or nil and 0 when the variable is not set. The pointer is good until the phase ends.
function M.reader(name)
    local size = #name
    return function(r)
        if C.ngx_http_lua_ffi_var_get(r, name, size, lowcase, 0, value_p, length_p, err_p) ~= NGX_OK then
            return nil, 0
        end
        return value[0], tonumber(length[0])
    end
end

--- A writer of one variable that a `set` in the server declares: `write(r, text)`.
function M.writer(name)
    local size = #name
    return function(r, text)
        errlen[0] = 256
        if C.ngx_http_lua_ffi_var_set(r, name, size, lowcase, text, #text, errbuf_p, errlen_p) ~= NGX_OK then
            error("could not set $" .. name .. ": " .. ffi.string(errbuf, errlen[0]))
        end
    end
end

return M
