-- A backend as the configuration calls it: HOST:PORT, http://HOST[:PORT] or https://HOST[:PORT].

local key = require "scoregate.key"

local M = {}

local function split(rest, usual_port)
    local host, port = rest:match("^%[([%x:.]+)%]:(%d+)$")
    if not host then
        host, port = rest:match("^([%w._-]+):(%d+)$")
    end
    if not host and usual_port then
        host, port = rest:match("^%[([%x:.]+)%]$") or rest:match("^([%w._-]+)$"), usual_port
    end
    return host, tonumber(port)
end

--- Its parts: {spec, host, port, tls, name}, where `name` says that the host is no address; nil when it is no backend.
function M.parse(spec)
    local scheme, rest = spec:match("^(https?)://(.*)$")
    local tls = scheme == "https"
    local host, port = split(rest or spec, scheme and (tls and 443 or 80))
    if not host or not port or port < 1 or port > 65535 or #spec > 270 then
        return nil
    end
    host = host == "localhost" and "127.0.0.1" or host
    local name = key.parse(host) == nil
    -- Digits and dots only are a mistyped address.
    if name and (host:find(":", 1, true) or not host:find("%a") or host:find("^[-.]") or host:find("..", 1, true)) then
        return nil
    end
    return { spec = spec, host = host, port = port, tls = tls, name = name }
end

return M
