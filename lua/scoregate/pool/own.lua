-- Whether a backend would be the gateway itself, or its scorer or Redis: requests would go round in circles. What the
-- check of scoregate.yaml refuses for the same reason: config/rules_ports.ts.

local observations = require "scoregate.observations"

local M = {}

--- The key of scoregate.yaml for what has this host and port of this machine; nil when nothing of ours has.
function M.key(host, port)
    local own = observations.settings.own
    local is_here = host == "::1" or host:find("^127%.")
    for _, one in ipairs(own.hosts) do
        is_here = is_here or host == one
    end
    return is_here and own.ports[tostring(port)] or nil
end

return M
