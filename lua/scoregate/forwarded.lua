-- Warns of a proxy that is not trusted: a peer that sends X-Forwarded-For for many clients while its
-- own address is taken for the client. Behind an unlisted CDN a whole site would look like one flood.
-- One request in eight is looked at, which costs the others nothing.

local ffi = require "ffi"
local variable = require "scoregate.variable"

local C = ffi.C
ffi.cdef "int memcmp(const void *a, const void *b, size_t size);"

local forwarded_for = variable.reader("http_x_forwarded_for")
local client_address, peer_address = variable.reader("remote_addr"), variable.reader("realip_remote_addr")

local CLIENTS, PEERS, ONE_IN = 10, 64, 8

local M = {}

local peers, count, requests = {}, 0, 0

local function warn(premature, peer)
    if premature then
        return
    end
    ngx.log(ngx.WARN, "the peer ", peer, " sends X-Forwarded-For for many clients but is not trusted, so all of them ",
        "are scored as one; if it is your proxy, add this to scoregate.yaml:  trusted_proxies: [\"", peer, "\"]")
end

local function look(r)
    local header, length = forwarded_for(r)
    local peer, size = peer_address(r)
    local client, its_size = client_address(r)
    if length == 0 or size ~= its_size or C.memcmp(peer, client, size) ~= 0 then
        return
    end
    header, peer = ffi.string(header, length), ffi.string(peer, size)
    local seen = peers[peer]
    if not seen then
        if count >= PEERS then
            return
        end
        seen = { n = 0 }
        peers[peer], count = seen, count + 1
    end
    if seen.n < CLIENTS and not seen[header] then
        seen[header], seen.n = true, seen.n + 1
        -- once for all workers
        if seen.n == CLIENTS and ngx.shared.scoregate:add("warned:" .. peer, true) then
            -- from a timer, because what a location logs goes to the file only, and this is for the console too
            ngx.timer.at(0, warn, peer)
        end
    end
end

--- Looks at request `r` when it is its turn.
function M.look(r)
    requests = requests + 1
    if requests == ONE_IN then
        requests = 0
        look(r)
    end
end

return M
