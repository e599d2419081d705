-- What a tier gives one client: requests per second, and requests under way at one time. What is beyond gets 429.
--
-- Both are counted in the client's record, so over all workers, and in no more memory than the clients' table has.
-- Requests per second are a leaky bucket in its form without a timer (GCRA: ITU-T I.371): `limit_at` is the moment at
-- which all that was let through would have come, had it come evenly.

local clients = require "scoregate.clients"
local clock = require "scoregate.clock"
local ffi = require "ffi"
local key = require "scoregate.key"
local observations = require "scoregate.observations"
local sender = require "scoregate.sender"
local variable = require "scoregate.variable"

local max, ceil = math.max, math.ceil
local request = variable.request
local address, tier_of = variable.reader("binary_remote_addr"), variable.reader("tier")

local M = {}

-- By a tier's name: its index, {interval_ms, burst, connections} where it has a limit.
local index, limits = {}, {}
for i, name in ipairs(observations.settings.tiers) do
    index[name], limits[i - 1] = i - 1, (observations.settings.limits or {})[name]
end

-- A worker that dies takes what it had under way with it, unsaid; so whatever was counted before the latest start of a
-- worker counts no more.
local function counted(c)
    local epoch = clients.shared.limit_epoch
    if c.limit_epoch ~= epoch then
        c.limit_epoch, c.under_way = epoch, 0
    end
    return c.under_way
end

--- Counts a request of record `c` in `tier` with `limit` at `now` (ms). Returns nil when it may pass, else the seconds
-- after which another may. Under the lock.
function M.count(c, tier, limit, now)
    if c.limit_tier ~= tier then
        c.limit_tier, c.limit_at = tier, 0 -- another tier's seconds are other ones
    end
    if limit.connections > 0 and counted(c) >= limit.connections then
        return 1
    end
    local at = max(c.limit_at, now)
    local early = at - now - (limit.burst - 1) * limit.interval_ms
    if limit.interval_ms > 0 and early > 0 then
        return max(1, ceil(early / 1000))
    end
    c.limit_at = at + limit.interval_ms
    if limit.connections > 0 then
        c.under_way = counted(c) + 1
    end
    return nil
end

--- The access phase, when the tier is known.
function M.enter()
    local r = request()
    local tier = index[ffi.string(tier_of(r))]
    local limit = limits[tier]
    if not limit then
        return
    end
    local family, a, b = key.of(address(r))
    clients.lock()
    local shared, seconds = clients.shared, nil
    local _, c = clients.find(family, a, b)
    if c then
        seconds = M.count(c, tier, limit, clock.now())
    end
    if seconds then
        shared.limited[tier] = shared.limited[tier] + 1
    end
    local epoch = shared.limit_epoch
    clients.unlock()
    if seconds then
        ngx.var.limit_retry_after = seconds
        return ngx.exit(ngx.HTTP_TOO_MANY_REQUESTS)
    elseif c and limit.connections > 0 then
        ngx.var.limit_counted = epoch
    end
end

-- A request that was counted has ended.
local function finish(epoch)
    local family, a, b = key.of(address(request()))
    clients.lock()
    local _, c = clients.find(family, a, b)
    if c and c.limit_epoch == epoch and clients.shared.limit_epoch == epoch then
        c.under_way = max(0, c.under_way - 1) -- it may have been forgotten, and come anew
    end
    clients.unlock()
end

local function begin()
    clients.lock()
    clients.shared.limit_epoch = clients.shared.limit_epoch + 1
    clients.unlock()
end

local function after(first, second)
    return function()
        first()
        return second()
    end
end

-- Our own 429 is no error of the client's, and tells the scorer nothing that the hits do not.
local function unless_refused(log)
    return function()
        if (ngx.var.limit_retry_after or "") ~= "" then
            return sender.leave_more()
        end
        local epoch = tonumber(ngx.var.limit_counted)
        if epoch then
            finish(epoch)
        end
        return log()
    end
end

--- Adds the limits to the functions of the gateway's phases. Called only where a tier has one.
function M.join(gateway)
    gateway.init_worker = after(gateway.init_worker, begin)
    gateway.access = after(gateway.access, M.enter)
    gateway.log = unless_refused(gateway.log)
end

return M
