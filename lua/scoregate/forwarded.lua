-- Warns of a proxy that is not trusted: a peer that sends X-Forwarded-For for many clients while its
-- own address is taken for the client. Behind an unlisted CDN a whole site would look like one flood.
-- Looked at only where a request leaves the fast path, so that it costs the others nothing.

local CLIENTS, PEERS = 20, 64

local M = {}

local peers, count = {}, 0

local function warn(peer)
    ngx.log(ngx.WARN, "the peer ", peer, " sends X-Forwarded-For for many clients but is not trusted, so all of them ",
        "are scored as one; if it is your proxy, add this to scoregate.yaml:  trusted_proxies: [\"", peer, "\"]")
end

--- Looks at the present request.
function M.look()
    local header = ngx.var.http_x_forwarded_for
    local peer = ngx.var.remote_addr
    if not header or peer ~= ngx.var.realip_remote_addr then
        return
    end
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
            warn(peer)
        end
    end
end

return M
