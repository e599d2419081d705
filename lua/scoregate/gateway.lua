-- The path of a request: key, hit, lease, tier. Each phase calls one function here (config/nginx_proxy.ts).

local ffi = require "ffi"
local observations = require "scoregate.observations"
local agent = require "scoregate.agent"
local asks = require "scoregate.asks"
local breaker = require "scoregate.breaker"
local clients = require "scoregate.clients"
local clock = require "scoregate.clock"
local forwarded = require "scoregate.forwarded"
local key = require "scoregate.key"
local lease = require "scoregate.lease"
local opening = require "scoregate.opening"
local pages = require "scoregate.pages"
local pins = require "scoregate.pins"
local route = require "scoregate.route"
local sender = require "scoregate.sender"
local target = require "scoregate.target"
local variable = require "scoregate.variable"
local waiters = require "scoregate.waiters"

local C = ffi.C
ffi.cdef "intptr_t ngx_atoi(const unsigned char *text, size_t size);"

local settings = observations.settings
local arrival, ended = observations.arrival, observations.ended
local HOLDS, ENDED, NONE = lease.HOLDS, lease.ENDED, lease.NONE
local LEASED, FRESH, STALE, DEFAULT = route.LEASED, route.FRESH, route.STALE, route.DEFAULT
local PINNED = route.PINNED
local floor = math.floor
local pinned = pins.tier -- nil where no network is pinned
local CLIENT_WENT_AWAY = 499
local request, get_method = variable.request, ngx.req.get_method

local address = variable.reader("binary_remote_addr")
local request_uri = variable.reader("request_uri")
local referer = variable.reader("http_referer")
local user_agent = variable.reader("http_user_agent")
local bytes_sent = variable.reader("bytes_sent")
local origin_of = variable.reader("origin")

-- The access phase is one straight trace of many constants (every field's offset is one), more than
-- LuaJIT takes by default.
require("jit.opt").start("maxrecord=16000", "maxirconst=4000", "maxsnap=2000")

local M = {}

function M.init()
    opening.open(ngx.shared.scoregate, settings.clients, settings.newcomers, settings.tiers)
end

function M.init_worker()
    opening.remember()
    sender.start()
end

local live = settings.pools and require "scoregate.pool.live" -- nil where nginx balances every tier itself

-- A header is empty when it is missing or "" or "-", as an access log would show it.
local function is_empty(text, size)
    return size == 0 or (size == 1 and text[0] == 45)
end

-- A header as an access log would show it: "-" is none.
local function shown(text, size)
    return text, is_empty(text, size) and 0 or size
end

-- Whether a request whose lease does not hold should wait for a verdict.
local function worth_waiting(state, asked)
    if state == ENDED or not asked or settings.wait_ms == 0 or breaker.open() then
        return false
    end
    return state ~= NONE or asks.work_ms() <= settings.wait_ms
end

local CLASS = { [lease.ENDED] = asks.ENDED, [lease.USED_UP] = asks.USED_UP, [lease.NONE] = asks.FIRST_SEEN }

-- Waits, shared by all that wait for this client, until a verdict covers request number `ordinal` or
-- the time is up. Returns like route.settle().
local function wait(r, family, a, b, ordinal, started)
    local now = started
    while true do
        clients.lock()
        local i, c = clients.find(family, a, b)
        local state = c and lease.state(c, ordinal, now) or NONE
        local left = settings.wait_ms - (now - started)
        if not c or state == HOLDS or state == ENDED or left <= 0 then
            local shared = clients.shared
            local covered = state == HOLDS or state == ENDED
            shared.waits, shared.wait_ms_sum = shared.waits + 1, shared.wait_ms_sum + now - started
            if not covered then
                shared.waits_expired = shared.waits_expired + 1
            end
            local tier, origin, score = settings.default_tier, DEFAULT, -1
            if c then
                tier, origin, score = route.settle(c, covered and FRESH or state == NONE and DEFAULT or STALE)
            end
            clients.unlock()
            if not covered then
                sender.wait_ran_out(now)
            end
            route.waited(r, now - started)
            return tier, origin, score
        end
        local asked = asks.ask(CLASS[state], i, c, now)
        clients.unlock()
        waiters.wait(i, left / 1000, settings.workers > 1 or not asked)
        now = clock.now()
    end
end

--- The access phase: counts the hit, finds the tier, sends the request there.
function M.access()
    local r = request()
    local now = clock.now()
    local now_s = floor(now / 1000)
    local family, a, b = key.of(address(r))
    local method = get_method()
    local path, ending, hidden, odd = target.look(request_uri(r))
    local no_referer = is_empty(referer(r))
    local agent_hash, agent_class = agent.look(shown(user_agent(r)))
    local pin = pinned and pinned(r)

    clients.lock()
    local i, c = clients.find(family, a, b)
    if not c then
        i, c = clients.add(family, a, b)
    end
    clients.touch(i, c, now_s)
    clients.count_hit(c, now_s)
    clients.soil(i, c, now)
    local hasty = pages.hasty(c, method, ending, path, agent_hash, now)
    local path_bit, agent_bit = observations.bit(path), observations.bit(agent_hash)
    local marks = arrival(c, method, ending, hidden, odd, hasty, agent_class, no_referer, path_bit, agent_bit)
    if marks ~= 0 then
        lease.show_signs(c, marks)
    end
    if pin then
        local score = route.settle_pinned(c, pin)
        clients.unlock()
        return route.send(r, pin, PINNED, score)
    end
    local ordinal = c.hits
    local state = lease.state(c, ordinal, now)
    if state == HOLDS then
        if lease.nearly_spent(c, ordinal) then
            asks.ask(asks.ENDED, i, c, now)
        end
        local tier, origin, score = route.settle(c, LEASED)
        clients.unlock()
        return route.send(r, tier, origin, score)
    end

    local asked = asks.ask(CLASS[state], i, c, now)
    if worth_waiting(state, asked) then
        clients.unlock()
        return route.send(r, wait(r, family, a, b, ordinal, now))
    end
    local tier, origin, score = route.settle(c, state == NONE and DEFAULT or STALE)
    clients.unlock()
    return route.send(r, tier, origin, score)
end

--- The log phase: counts what the response adds.
function M.log()
    local r = request()
    local now = clock.now()
    local family, a, b = key.of(address(r))
    local status = ngx.status
    local bytes = tonumber(C.ngx_atoi(bytes_sent(r)))
    local path, ending = 0, 0
    if status >= 400 then
        path, ending = target.place(request_uri(r))
    end

    clients.lock()
    local i, c = clients.find(family, a, b)
    if c then
        clients.soil(i, c, now)
        ended(c, nil, ending, nil, nil, nil, nil, nil, observations.bit(path), nil, status, bytes)
        if status >= 400 and status ~= CLIENT_WENT_AWAY then
            lease.show_error(c)
            if lease.state(c, c.hits, now) == lease.USED_UP then
                asks.ask(asks.USED_UP, i, c, now)
            end
        end
    end
    clients.unlock()
    if status >= 400 and select(2, origin_of(r)) == 0 then
        route.refused(r) -- a request that cannot be read is answered before any phase of ours
    end
    forwarded.look(r)
    if sender.left then
        sender.leave_more()
    end
end

if settings.limits then
    require("scoregate.limit").join(M)
end
if live then
    live.join(M)
end

return M
