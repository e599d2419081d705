-- Backends that have names: their addresses are asked for again when the name's record says that they may have changed.
-- The checker asks (health.lua); every address has a slot of its own, so all workers see what it learns.

local ffi = require "ffi"
local backend = require "scoregate.pool.backend"
local block = require "scoregate.pool.block"
local clock = require "scoregate.clock"
local dns = require "scoregate.pool.dns"
local key = require "scoregate.key"
local observations = require "scoregate.observations"
local pools = require "scoregate.pool.pools"

local servers = observations.settings.name_servers or {}

local HOSTS = "/etc/hosts"
local TIMEOUT_MS, LEAST_S = 2000, 1
-- A name server on this machine costs nothing to ask, and Docker's says 600 s of containers that come and go.
local LOCAL_S = 2
-- A question that is under way this long is asked anew: its worker has died.
local UNDER_WAY_MS = 16000

local M = {}

local crowded = {} -- by name: whether it was said that some of its addresses are left out

-- The addresses that the file of this machine's own names has, or nil.
local function from_file(name)
    local file = io.open(HOSTS, "r")
    if not file then
        return nil
    end
    local found = {}
    for line in file:lines() do
        local address, names = line:gsub("#.*", ""):match("^%s*(%S+)%s+(.*)$")
        for other in (names or ""):gmatch("%S+") do
            if other:lower() == name:lower() and key.parse(address) then
                found[#found + 1] = address
            end
        end
    end
    file:close()
    return #found > 0 and found or nil
end

local function is_local(server)
    return server.host:find("^127%.") ~= nil or server.host == "::1"
end

-- The addresses of a name and the seconds that they hold, or nil and what is wrong.
local function resolve(name)
    local list = from_file(name)
    if list then
        return list, LOCAL_S
    end
    local why = "no name server is known, and " .. HOSTS .. " has not got it"
    for _, server in ipairs(servers) do
        local found, ttl = dns.addresses(server, name, TIMEOUT_MS)
        if found then
            return found, math.max(LEAST_S, is_local(server) and math.min(ttl, LOCAL_S) or ttl)
        end
        why = ("name server %s: %s"):format(server.host, ttl)
    end
    return nil, why
end

-- Notes for all slots of a backend when to ask again. Under the lock.
local function note(tier, spec, at)
    for _, i in ipairs(pools.find(tier, spec)) do
        block.slots[i].resolve_at = at
    end
end

-- Takes in what was found (nil: nothing). Returns whether nothing was found the last time, and whether there was room.
-- Under the lock.
local function learn(tier, spec, list, ttl)
    local failed = false
    for _, i in ipairs(pools.find(tier, spec)) do
        failed = failed or block.slots[i].name_failed == 1
        block.slots[i].name_failed = list and 0 or 1
    end
    local room = not list or pools.spread(tier, spec, list)
    -- There may be room soon: what is left out is looked at again then.
    note(tier, spec, clock.now() + 1000 * (room and ttl or LEAST_S))
    return failed, room
end

local function look(premature, tier, spec)
    if premature then
        return
    end
    local name = backend.parse(spec).host
    local ok, list, ttl = pcall(resolve, name)
    if not ok then
        list, ttl = nil, list
    end
    block.lock()
    local failed, room = learn(tier, spec, list, list and ttl or LEAST_S)
    block.unlock()
    if not list and not failed then
        ngx.log(ngx.WARN, "the addresses of ", name, " cannot be found: ", ttl, "; those that are known stay")
    elseif list and failed then
        ngx.log(ngx.WARN, "the addresses of ", name, " are found again")
    end
    if not room and not crowded[name] then
        ngx.log(ngx.ERR, "there is room for ", block.SLOTS, " backends in all; some addresses of ", name,
            " are left out")
    end
    crowded[name] = not room
end

local function due(now)
    local list = {}
    block.lock()
    for tier = 0, #pools.settings do
        for _, entry in ipairs(pools.view(tier).entries) do
            local s = entry.s
            if s.named == 1 and now >= s.resolve_at then
                note(tier, entry.spec, now + UNDER_WAY_MS)
                list[#list + 1] = { tier, ffi.string(s.spec) }
            end
        end
    end
    block.unlock()
    return list
end

--- Asks for the names whose time has come. Called by the checker, often.
function M.step(now)
    for _, one in ipairs(due(now)) do
        local ok, err = ngx.timer.at(0, look, one[1], one[2])
        if not ok then
            ngx.log(ngx.ERR, "could not look for a backend's addresses: ", err)
        end
    end
end

return M
