-- The client key: whom a verdict is about. IPv4 whole, IPv6 by its /64, IPv4-mapped as IPv4.
--
-- Inside the gateway a key is three numbers, so that finding a client makes no Lua string:
-- family (4 or 6) and the address' first eight bytes as two int32 (`b` is 0 for IPv4).
-- Its text form is what the scorer speaks: "192.0.2.7", "2001:db8:1:2::/64".

local ffi = require "ffi"
local C = ffi.C

ffi.cdef [[
int inet_pton(int family, const char *text, void *address);
const char *inet_ntop(int family, const void *address, char *text, unsigned int size);
]]

local AF_INET, AF_INET6 = 2, 10
local MAPPED = ffi.abi("le") and -65536 or 65535 -- the bytes 00 00 ff ff as an int32

local int32_p = ffi.typeof("const int32_t *")
local cast = ffi.cast
local words = ffi.new("int32_t[4]")
local text_buffer = ffi.new("char[64]")

local M = {}

--- Key of a network address of `size` bytes (4 or 16) at `address`: family, a, b.
-- A Unix socket's peer has no address; all of them are 0.0.0.0.
function M.of(address, size)
    if size == 4 then
        return 4, cast(int32_p, address)[0], 0
    end
    if size ~= 16 then
        return 4, 0, 0
    end
    local w = cast(int32_p, address)
    if w[0] == 0 and w[1] == 0 and w[2] == MAPPED then
        return 4, w[3], 0
    end
    return 6, w[0], w[1]
end

local octets = cast("unsigned char *", words)

--- Puts the text form of a key into a string.buffer.
function M.put(buffer, family, a, b)
    words[0], words[1], words[2], words[3] = a, b, 0, 0
    if family == 4 then
        buffer:put(octets[0], ".", octets[1], ".", octets[2], ".", octets[3])
        return
    end
    C.inet_ntop(AF_INET6, words, text_buffer, 64)
    buffer:put(ffi.string(text_buffer), "/64")
end

--- Key of an address as text, in any form that the scorer accepts: family, a, b;
-- nil when it is no address.
function M.parse(text)
    text = text:lower()
    local network = text:match("^(.*)/64$")
    text = network or text:match("^(.-)%%.+$") or text
    if text:find(":", 1, true) then
        if C.inet_pton(AF_INET6, text, words) ~= 1 then
            return nil
        end
        return M.of(words, 16)
    end
    if network or C.inet_pton(AF_INET, text, words) ~= 1 then
        return nil
    end
    return M.of(words, 4)
end

return M
