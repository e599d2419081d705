-- What is wrong with a backend that shall be added to a pool while it runs: what the check of scoregate.yaml refuses
-- (config/rules_ports.ts, config/rules_backend.ts).

local backends = require "scoregate.pool.backend"
local observations = require "scoregate.observations"

local M = {}

-- The key of scoregate.yaml for what has this host and port of this machine: the gateway itself, to which requests
-- would go round in circles, or its scorer or Redis. Nil when nothing of ours has.
local function owner_of(host, port)
    local own = observations.settings.own
    local is_here = host == "::1" or host:find("^127%.")
    for _, one in ipairs(own.hosts) do
        is_here = is_here or host == one
    end
    return is_here and own.ports[tostring(port)] or nil
end

--- What is wrong with a backend of that text in `pool`; nil when nothing is.
function M.problem(spec, pool)
    local parsed, tls = backends.parse(spec), pool.tls
    if not parsed then
        return spec .. " is not HOST:PORT; right would be 127.0.0.1:8084"
    end
    local owner = owner_of(parsed.host, parsed.port)
    if owner then
        return ("port %d of this machine is already used by %s; give each its own port"):format(parsed.port, owner)
    end
    if parsed.tls ~= (tls ~= nil) then
        return "the other backends of this tier " .. (parsed.tls and "do not speak https" or "speak https")
    end
    if tls and tls.verify and tls.own and parsed.host ~= backends.parse("https://" .. tls.name).host then
        return ("certificates of a tier are checked by one name, %s here, and %s is not that; write the one that is in "
            .. "both as tls_name in scoregate.yaml"):format(tls.name, parsed.host)
    end
end

return M
