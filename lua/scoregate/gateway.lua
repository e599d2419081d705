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
local refer = require "scoregate.referer"
local route = require "scoregate.route"
local sender = require "scoregate.sender"
local target = require "scoregate.target"
local variable = require "scoregate.variable"
local waiters = require "scoregate.waiters"

local settings = observations.settings
-- What every request calls is a local of its own: LuaJIT then knows which function it is, and looks nothing up.
local now_ms, key_of = clock.now, key.of
local arrival, ended, adds, bit_of = observations.arrival, observations.ended, observations.adds, observations.bit
local look_at_target, look_at_agent, form_of = target.look, agent.look, pages.form
local look_at_referer, is_direct, unmasks = refer.look, refer.is_direct, refer.unmasks
local find, touch, count_hit, soil = clients.find, clients.touch, clients.count_hit, clients.soil
local lease_state, nearly_spent, show_signs = lease.state, lease.nearly_spent, lease.show_signs
local settle, send = route.settle, route.send
local HOLDS, ENDED, NONE = lease.HOLDS, lease.ENDED, lease.NONE
local LEASED, FRESH, STALE, DEFAULT = route.LEASED, route.FRESH, route.STALE, route.DEFAULT
local PINNED = route.PINNED
local PAGE, BROWSER, FORGED = refer.PAGE, agent.BROWSER, agent.FORGED
local floor = math.floor
local lock, unlock = clients.lock, clients.unlock
local pinned = pins.tier or false -- where no network is pinned
local look_at_forwarded, leave_more = forwarded.look, sender.leave_more
local NO_HEAD, BAD_GATEWAY, CLIENT_WENT_AWAY = 9, 502, 499 -- nginx calls an answer without a head HTTP/0.9
local request = variable.request
local get_method, get_status = ffi.C.ngx_http_lua_ffi_req_get_method, ffi.C.ngx_http_lua_ffi_get_resp_status

local address = variable.reader("binary_remote_addr")
local request_uri = variable.reader("request_uri")
local referer = variable.reader("http_referer")
local user_agent = variable.reader("http_user_agent")

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

-- A header as an access log would show it: "-" is none, as a missing or an empty one is.
local function shown(text, size)
    return text, size == 1 and text[0] == 45 and 0 or size
end

-- Whether a request whose lease does not hold should wait for a verdict.
local function worth_waiting(state, asked)
    if state == ENDED or not asked or settings.wait_ms == 0 or breaker.open() then
        return false
    end
    return state ~= NONE or asks.work_ms() <= settings.wait_ms
end

local CLASS = { [lease.ENDED] = asks.ENDED, [lease.USED_UP] = asks.USED_UP, [lease.NONE] = asks.FIRST_SEEN }

-- Waits, shared by all that wait for this client, until a verdict that is asked for covers request number `ordinal` or
-- the time is up. Returns like route.settle(), and the ms that it took. It waits once before it loops: LuaJIT compiles
-- up to where a request is suspended, but gives up an access phase with a loop in it, and after some times for good.
local function wait(i, family, a, b, ordinal, started)
    waiters.wait(i, settings.wait_ms / 1000, settings.workers > 1)
    while true do
        local now = now_ms()
        lock()
        local c
        i, c = find(family, a, b)
        local state = c and lease_state(c, ordinal, now) or NONE
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
                tier, origin, score = settle(c, covered and FRESH or state == NONE and DEFAULT or STALE)
            end
            unlock()
            if not covered then
                sender.wait_ran_out(now)
            end
            return tier, origin, score, now - started
        end
        local asked = asks.ask(CLASS[state], i, c, now)
        unlock()
        waiters.wait(i, left / 1000, settings.workers > 1 or not asked)
    end
end

--- The access phase: counts the hit, finds the tier, sends the request there.
function M.access()
    local r = request()
    local now = now_ms()
    local now_s = floor(now / 1000)
    local family, a, b = key_of(address(r))
    local method = get_method(r)
    local uri, uri_size = request_uri(r)
    local path, ending, hidden, odd = look_at_target(uri, uri_size)
    local led_by, led_by_size = shown(referer(r))
    local led = look_at_referer(led_by, led_by_size, uri, uri_size)
    local agent_hash, agent_class = look_at_agent(shown(user_agent(r)))
    local pin = pinned and pinned(r)

    lock()
    local i, c = find(family, a, b)
    if not c then
        i, c = clients.add(family, a, b)
    end
    touch(i, c, now_s)
    count_hit(c, now_s)
    soil(i, c, now)
    if led ~= PAGE and agent_class == BROWSER and unmasks(led, method, ending, c.page_at ~= 0) then
        agent_class = FORGED
    end
    local form = form_of(c, method, ending, path, agent_hash, now)
    local marks = arrival(c, method, ending, hidden, odd, form, agent_class, is_direct(led), bit_of(path))
    if marks ~= 0 then
        show_signs(c, marks)
    end
    if pin then
        local score = route.settle_pinned(c, pin)
        unlock()
        return send(r, pin, PINNED, score)
    end
    local ordinal = c.hits
    local state = lease_state(c, ordinal, now)
    if state == HOLDS then
        if nearly_spent(c, ordinal) then
            asks.ask(asks.ENDED, i, c, now)
        end
        local tier, origin, score = settle(c, LEASED)
        unlock()
        return send(r, tier, origin, score)
    end

    local asked = asks.ask(CLASS[state], i, c, now)
    if worth_waiting(state, asked) then
        unlock()
        return send(r, wait(i, family, a, b, ordinal, now))
    end
    local tier, origin, score = settle(c, state == NONE and DEFAULT or STALE)
    unlock()
    return send(r, tier, origin, score)
end

-- Counts what a response of this status adds to its client's record.
local function count_response(r, status)
    local now = clock.now()
    local family, a, b = key.of(address(r))
    local path, ending = 0, 0
    if status >= 400 then
        path, ending = target.place(request_uri(r))
    end

    lock()
    local i, c = clients.find(family, a, b)
    if c then
        clients.soil(i, c, now)
        ended(c, nil, ending, nil, nil, nil, nil, nil, bit_of(path), status)
        if status >= 400 and status ~= CLIENT_WENT_AWAY then
            lease.show_error(c)
            if lease.state(c, c.hits, now) == lease.USED_UP then
                asks.ask(asks.USED_UP, i, c, now)
            end
        end
    end
    unlock()
end

--- The log phase: counts what the response adds. Nearly all add nothing, and cost no look-up.
function M.log()
    local r = request()
    local status = get_status(r)
    if status == NO_HEAD then
        status = BAD_GATEWAY
    end
    if status >= 400 or adds(status) then
        count_response(r, status)
    end
    look_at_forwarded(r)
    leave_more()
end

if settings.limits then
    require("scoregate.limit").join(M)
end
if live then
    live.join(M)
end

return M
