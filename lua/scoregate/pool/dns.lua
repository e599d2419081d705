-- The addresses of a name, as a name server tells them (RFC 1035; RFC 3596 for IPv6): over UDP, and over TCP when the
-- answer is too long for that. nginx's own resolver tells Lua neither all addresses nor how long they hold, and not
-- every ngx_lua comes with lua-resty-dns.

local bit = require "bit"

local A, AAAA = 1, 28
local SIZE = { [A] = 4, [AAAA] = 16 }
local LONGEST = 2 ^ 31 -- seconds; what says more says nothing (RFC 2181, 8)
local REPLY, TRUNCATED, NO_SUCH_NAME = 0x8000, 0x0200, 3

local M = {}

local function number(packet, at)
    local high, low = packet:byte(at, at + 1)
    return high * 256 + low
end

local function bytes(n)
    return string.char(math.floor(n / 256) % 256, n % 256)
end

--- The question for the addresses of a name; `kind` is M.A or M.AAAA.
function M.question(id, name, kind)
    local labels = {}
    for label in name:gmatch("[^.]+") do
        labels[#labels + 1] = string.char(#label) .. label
    end
    -- Recursion desired, one question.
    return bytes(id) .. "\1\0\0\1\0\0\0\0\0\0" .. table.concat(labels) .. "\0" .. bytes(kind) .. "\0\1"
end

-- Where what follows a name begins.
local function after_name(packet, at)
    while true do
        local n = packet:byte(at)
        if n >= 0xc0 then
            return at + 2 -- the rest is said elsewhere
        elseif n == 0 then
            return at + 1
        end
        at = at + n + 1
    end
end

local function address(packet, at, kind)
    if kind == A then
        return ("%d.%d.%d.%d"):format(packet:byte(at, at + 3))
    end
    local words = {}
    for k = 0, 7 do
        words[k + 1] = ("%x"):format(number(packet, at + 2 * k))
    end
    return table.concat(words, ":")
end

-- Aliases (CNAME) on the way to the addresses hold no longer than they say, too.
local function records(packet, at, kind)
    local list, ttl = {}, math.huge
    for _ = 1, number(packet, 7) do
        at = after_name(packet, at)
        local its_kind, size = number(packet, at), number(packet, at + 8)
        local its_ttl = number(packet, at + 4) * 65536 + number(packet, at + 6)
        ttl = math.min(ttl, its_ttl < LONGEST and its_ttl or 0)
        if its_kind == kind and size == SIZE[kind] and at + 9 + size <= #packet then
            list[#list + 1] = address(packet, at + 10, kind)
        end
        at = at + 10 + size
    end
    return list, ttl
end

--- What the packet says that answers `question`: a list of addresses, which may be empty, and for how many seconds they
-- hold; or nil and what is wrong, which is "truncated" when TCP would tell more.
function M.answer(packet, question, kind)
    -- Whoever forges an answer must guess the number and the port.
    if #packet < #question or packet:sub(1, 2) ~= question:sub(1, 2)
        or packet:sub(13, #question):lower() ~= question:sub(13):lower() then
        return nil, "an answer to another question"
    end
    local flags = number(packet, 3)
    local rcode = bit.band(flags, 15)
    if bit.band(flags, REPLY) == 0 then
        return nil, "not an answer"
    elseif bit.band(flags, TRUNCATED) ~= 0 then
        return nil, "truncated"
    elseif rcode ~= 0 then
        return nil, rcode == NO_SUCH_NAME and "there is no such name" or "error " .. rcode
    end
    local ok, list, ttl = pcall(records, packet, #question + 1, kind)
    if not ok then
        return nil, "an answer that cannot be read"
    end
    return list, ttl
end

local function over_udp(host, port, question, timeout_ms)
    local sock = ngx.socket.udp()
    sock:settimeout(timeout_ms)
    local packet
    local ok, err = sock:setpeername(host, port)
    if ok then
        ok, err = sock:send(question)
    end
    if ok then
        packet, err = sock:receive()
    end
    sock:close()
    return packet, err
end

local function over_tcp(host, port, question, timeout_ms)
    local sock = ngx.socket.tcp()
    sock:settimeout(timeout_ms)
    local packet
    local ok, err = sock:connect(host, port)
    if ok then
        ok, err = sock:send(bytes(#question) .. question)
    end
    if ok then
        packet, err = sock:receive(2)
    end
    if packet then
        packet, err = sock:receive(number(packet, 1))
    end
    sock:close()
    return packet, err
end

local function random_id()
    local file = assert(io.open("/dev/urandom", "rb"))
    local id = number(file:read(2), 1)
    file:close()
    return id
end

local function ask(server, name, kind, timeout_ms)
    local host = server.host:find(":", 1, true) and "[" .. server.host .. "]" or server.host
    local question = M.question(random_id(), name, kind)
    local list, ttl
    for _, over in ipairs { over_udp, over_tcp } do
        local packet, err = over(host, server.port, question, timeout_ms)
        if not packet then
            return nil, err
        end
        list, ttl = M.answer(packet, question, kind)
        if list or ttl ~= "truncated" then
            break
        end
    end
    return list, ttl
end

--- Asks one server ({host, port}) for the addresses of `name`, of IPv6 where it has none of IPv4. Returns them and for
-- how many seconds they hold, or nil and what is wrong. Yields.
function M.addresses(server, name, timeout_ms)
    local list, ttl = ask(server, name, A, timeout_ms)
    if list and #list == 0 then
        list, ttl = ask(server, name, AAAA, timeout_ms)
    end
    if list and #list == 0 then
        return nil, "it has no address"
    end
    return list, ttl
end

M.A, M.AAAA = A, AAAA

return M
