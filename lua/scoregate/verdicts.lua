-- The scorer's answer, checked and applied to the clients that the report was about.

local cjson = require "cjson.safe"
local asks = require "scoregate.asks"
local clients = require "scoregate.clients"
local key = require "scoregate.key"
local lease = require "scoregate.lease"
local observations = require "scoregate.observations"
local waiters = require "scoregate.waiters"

local settings = observations.settings
local CHUNK = 64 -- verdicts applied under one hold of the lock

local M = {}

local function whole(n)
    return type(n) == "number" and n >= 0 and n < 2 ^ 53 and n % 1 == 0
end

local function between(n, least, most)
    return whole(n) and n >= least and n <= most
end

local function is_lease(l)
    return type(l) == "table" and between(l.hits, 0, lease.MOST) and between(l.errors, 1, lease.MOST)
        and between(l.signs, 1, lease.MOST) and between(l.harmless, 0, 2 ^ 31 - 1) and between(l.ttl_ms, 1, 60000)
end

local function is_verdict(v, leased)
    return type(v) == "table" and settings.tier_index[v.tier] and type(v.score) == "number"
        and v.score >= 0 and v.score <= 1 and (is_lease(v.lease) or leased and v.lease == nil)
end

--- Reads an answer to the report `batch`: a table, or nil, "could not …".
-- Only a whole and sound answer is taken.
function M.read(text, batch)
    local n = batch.n
    local answer, err = cjson.decode(text)
    if type(answer) ~= "table" then
        return nil, "could not read the scorer's answer: " .. (err or "not an object")
    end
    local verdicts = answer.verdicts
    if type(verdicts) ~= "table" or #verdicts ~= n or not between(answer.generation, 0, 2 ^ 32 - 1)
        or not between(answer.gateways, 0, 2 ^ 31) or type(answer.changes) ~= "table" then
        return nil, "could not use the scorer's answer: a field is missing or of a wrong kind"
    end
    for i = 1, n do
        if not is_verdict(verdicts[i], batch.leased[i - 1]) then
            return nil, "could not use the scorer's answer: verdict " .. i .. " is not one"
        end
    end
    for _, change in ipairs(answer.changes) do
        if type(change) ~= "table" or type(change.ip) ~= "string" then
            return nil, "could not use the scorer's answer: a change is not one"
        end
    end
    return answer
end

local function apply_change(change)
    local family, a, b = key.parse(change.ip)
    if not family then
        return
    end
    local _, c = clients.find(family, a, b)
    if not c then
        return
    end
    local tier = settings.tier_index[change.pin]
    if tier then
        lease.pin(c, tier)
    else
        lease.forget(c)
    end
end

local function apply_globals(answer, now)
    local shared = clients.shared
    clients.lock()
    shared.gateways = answer.gateways
    if shared.generation ~= answer.generation then
        shared.generation, shared.generation_at = answer.generation, now
        for _, change in ipairs(answer.changes) do
            apply_change(change)
        end
    end
    clients.unlock()
end

local function grant(batch, k, verdict, generation, now)
    local taken = batch.taken[k]
    local i = batch.slot[k]
    local c = clients.slots[i]
    -- the slot may have been given to another client since
    if c.family ~= taken.family or c.a ~= taken.a or c.b ~= taken.b or c.hits < taken.hits then
        return
    end
    local tier = settings.tier_index[verdict.tier]
    if verdict.lease then
        return lease.grant(c, taken, verdict, tier, generation, now)
    end
    lease.go_on(c, taken, verdict, tier, now)
    -- Whoever found the lease used up while the report was under way has left it at that.
    local state = lease.state(c, c.hits, now)
    if state == lease.USED_UP then
        asks.ask(asks.USED_UP, i, c, now)
    elseif state == lease.HOLDS and lease.nearly_spent(c, c.hits) then
        asks.ask(asks.ENDED, i, c, now)
    end
end

--- Applies a read answer to the clients of `batch`, and lets those who wait for one of them go on.
function M.apply(batch, answer, now)
    apply_globals(answer, now)
    for from = 0, batch.n - 1, CHUNK do
        local to = math.min(from + CHUNK, batch.n) - 1
        clients.lock()
        for k = from, to do
            grant(batch, k, answer.verdicts[k + 1], answer.generation, now)
        end
        clients.unlock()
    end
    for k = 0, batch.n - 1 do
        waiters.release(batch.slot[k])
    end
end

return M
