-- The gateway's own figures: Prometheus text at /metrics, JSON at /status, on the admin address.

local cjson = require "cjson.safe"
local clients = require "scoregate.clients"
local layout = require "scoregate.layout"
local observations = require "scoregate.observations"
local route = require "scoregate.route"

local settings = observations.settings
local counting = settings.mode ~= "off" -- else there is no table of clients, and nothing to say of them
local M = {}

local COUNTERS = {
    { "waits", "Requests that waited for a verdict." },
    { "waits_expired", "Waits that ended without a verdict." },
    { "posts", "Reports sent to the scorer." },
    { "post_failures", "Reports without a sound answer; each is sent again." },
    { "posts_refused", "Reports that the scorer refused and the gateway dropped." },
    { "asks_refused", "Verdicts not asked for because the queue was full." },
    { "breaker_opened", "Times that the breaker opened." },
    { "lost_hits", "Unreported hits of clients that were forgotten for lack of room." },
    { "mended", "Times that the table of clients was rebuilt after a worker died in it." },
}
local GAUGES = {
    { "breaker_open", "1 while no request waits for the scorer." },
    { "dirty_count", "Clients with something unreported.", "unreported_clients" },
    { "generation", "Generation of model, thresholds and pins in force." },
    { "gateways", "Gateways that share the window." },
}

local function metric(out, kind, name, help, value)
    out[#out + 1] = ("# HELP scoregate_%s %s\n# TYPE scoregate_%s %s\nscoregate_%s %.0f"):format(
        name, help, name, kind, name, tonumber(value))
end

local function requests(each)
    for t, tier in ipairs(settings.tiers) do
        for o = 0, #route.ORIGINS do
            each(tier, route.ORIGINS[o], tonumber(clients.shared.requests[t - 1][o]))
        end
    end
end

local function limited(each)
    for t, tier in ipairs(settings.tiers) do
        each(tier, tonumber(clients.shared.limited[t - 1]))
    end
end

local function put_counted(out)
    local shared = clients.shared
    out[#out + 1] = "# HELP scoregate_requests_total Requests by the tier that served them and where the verdict came "
        .. "from.\n# TYPE scoregate_requests_total counter"
    requests(function(tier, origin, n)
        out[#out + 1] = ('scoregate_requests_total{tier="%s",origin="%s"} %.0f'):format(tier, origin, n)
    end)
    out[#out + 1] = "# HELP scoregate_limited_total Requests refused because they were beyond the limit of a tier.\n"
        .. "# TYPE scoregate_limited_total counter"
    limited(function(tier, n)
        out[#out + 1] = ('scoregate_limited_total{tier="%s"} %.0f'):format(tier, n)
    end)
    for _, m in ipairs(COUNTERS) do
        metric(out, "counter", (m[3] or m[1]) .. "_total", m[2], shared[m[1]])
    end
    for _, m in ipairs(GAUGES) do
        metric(out, "gauge", m[3] or m[1], m[2], shared[m[1]])
    end
    metric(out, "counter", "forgotten_newcomers_total", "Newcomers forgotten for lack of room.", shared.forgotten[0])
    metric(out, "counter", "forgotten_clients_total", "Known clients forgotten for lack of room.", shared.forgotten[1])
    metric(out, "gauge", "newcomers", "Clients seen once.", shared.count[0])
    metric(out, "gauge", "clients", "Known clients.", shared.count[1])
    metric(out, "gauge", "client_bytes", "Bytes of one client's record.", layout.client_size)
    metric(out, "gauge", "unreported_hits", "Hits not yet reported to the scorer.", shared.unreported_hits)
end

local function text()
    local out = {}
    if counting then
        put_counted(out)
    end
    metric(out, "gauge", "workers", "Worker processes of the gateway.", ngx.worker.count())
    return table.concat(out, "\n") .. "\n"
end

local function counted()
    local shared, by_tier, beyond = clients.shared, {}, {}
    requests(function(tier, origin, n)
        by_tier[tier] = by_tier[tier] or {}
        by_tier[tier][origin] = n
    end)
    limited(function(tier, n)
        beyond[tier] = n
    end)
    return {
        requests = by_tier, limited = beyond, clients = shared.count[1], newcomers = shared.count[0],
        breaker = shared.breaker_open == 1 and "open" or "closed", generation = shared.generation,
        unreported_hits = shared.unreported_hits,
    }
end

local function status()
    local found = counting and counted() or {}
    found.mode, found.workers = settings.mode, ngx.worker.count()
    found.pools = settings.pools and require("scoregate.pool.status").read()
    return cjson.encode(found) .. "\n"
end

--- Answers a request of the admin server.
function M.serve()
    if ngx.var.uri == "/metrics" then
        ngx.header.content_type = "text/plain; version=0.0.4"
        ngx.print(text())
    elseif ngx.var.uri == "/status" then
        ngx.header.content_type = "application/json"
        ngx.print(status())
    else
        ngx.status = 404
        ngx.header.content_type = "application/json"
        ngx.print('{"error":{"code":"not_found","message":"There are /metrics and /status."}}\n')
    end
end

return M
