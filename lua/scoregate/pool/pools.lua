-- The tiers' pools: what the configuration says of them, and which slots of the shared block they have.

local ffi = require "ffi"
local block = require "scoregate.pool.block"
local clock = require "scoregate.clock"
local parse = require("scoregate.pool.backend").parse
local hash = require "scoregate.pool.hash"
local observations = require "scoregate.observations"

local M = {}

--- Settings of each tier's pool, by index from 0 (config/gateway_pools.ts); nil where nginx balances everything.
M.settings = {}
M.index = {}
for i, pool in ipairs(observations.settings.pools or {}) do
    M.settings[i - 1], M.index[pool.name] = pool, i - 1
end

local STATE = {}
for k, name in pairs(block.STATES) do
    STATE[name] = k
end
M.STATE = STATE

--- Writes a text into a field of a slot, cut to its size.
function M.write(field, text)
    local size = math.min(#text, ffi.sizeof(field) - 1)
    ffi.copy(field, text, size)
    field[size] = 0
end

local function in_order(i, k)
    local one, other = block.slots[i].place, block.slots[k].place
    return one < other or (one == other and i < k)
end

--- Calls `each(i, s)` for every slot of a tier that is not on its way out, in the order of the configuration. Under the
-- lock.
function M.each(tier, each)
    local name, found = M.settings[tier].name, {}
    for i = 0, block.SLOTS - 1 do
        local s = block.slots[i]
        if s.used == 1 and s.removed == 0 and ffi.string(s.tier) == name then
            found[#found + 1] = i
        end
    end
    table.sort(found, in_order)
    for _, i in ipairs(found) do
        each(i, block.slots[i])
    end
end

--- The slots of a tier's backend, by what the configuration calls it: a name may have several. Under the lock.
function M.find(tier, spec)
    local found = {}
    M.each(tier, function(i, s)
        if ffi.string(s.spec) == spec then
            found[#found + 1] = i
        end
    end)
    return found
end

-- A slot that is on its way out and comes back is the same one: what it has under way still counts.
local function leaving(tier, spec, address)
    local name = M.settings[tier].name
    for i = 0, block.SLOTS - 1 do
        local s = block.slots[i]
        if s.used == 1 and s.removed == 1 and ffi.string(s.tier) == name and ffi.string(s.spec) == spec
            and ffi.string(s.address) == address then
            return i
        end
    end
    return nil
end

-- Gives an address of a tier's backend (its parsed text) a slot: its number, or nil when all are taken. The empty
-- address is of a name that has not been asked for. Under the lock.
local function add(tier, parsed, address, since)
    local i = leaving(tier, parsed.spec, address)
    if not i then
        i = block.free_slot()
        if not i then
            return nil
        end
        local s = block.slots[i]
        M.write(s.tier, M.settings[tier].name)
        M.write(s.spec, parsed.spec)
        M.write(s.address, address)
        s.port, s.tls, s.named = parsed.port, parsed.tls and 1 or 0, parsed.name and 1 or 0
    end
    local s = block.slots[i]
    s.removed, s.down, s.ejected_until, s.since = 0, 0, 0, since
    return i
end

-- Whoever says that a backend is ready knows better than what happened before.
local function forgive(s)
    s.ejected_until, s.ejections, s.errors_row, s.fives_row, s.good, s.bad = 0, 0, 0, 0, 0, 0
    s.since = clock.now()
    block.changed()
end

--- Forgets what is held against a tier's backend.
function M.forgive(tier, spec)
    block.lock()
    for _, i in ipairs(M.find(tier, spec)) do
        forgive(block.slots[i])
    end
    block.unlock()
end

--- Sets what may be said of a slot. Under the lock.
function M.set(s, backend)
    s.weight, s.max_connections, s.backup = backend.weight, backend.max_connections, backend.backup and 1 or 0
    local state = STATE[backend.state]
    if s.state ~= block.UP and state == block.UP then
        forgive(s)
    end
    s.state = state
end

-- Under the lock. Returns whether there was room for all.
local function fit(tier, backends)
    local wanted, before, room = {}, 0, true
    for _, backend in ipairs(backends) do
        wanted[backend.spec] = true
    end
    M.each(tier, function(_, s)
        before = before + 1
        if not wanted[ffi.string(s.spec)] then
            s.removed = 1
        end
    end)
    block.free() -- for those that come
    for place, backend in ipairs(backends) do
        local slots = M.find(tier, backend.spec)
        if #slots == 0 then
            -- The first ones have nothing to warm up beside.
            local parsed = parse(backend.spec)
            slots[1] = add(tier, parsed, parsed.name and "" or parsed.host, before == 0 and 0 or clock.now())
        end
        room = room and #slots > 0
        for _, i in ipairs(slots) do
            M.set(block.slots[i], backend)
            block.slots[i].place = place
            if not M.settings[tier].health then
                block.slots[i].down = 0
            end
        end
    end
    return room
end

--- Makes the slots of a tier those of `backends`: what stays keeps what is known of it.
function M.fit(tier, backends)
    block.lock()
    local room = fit(tier, backends)
    block.changed()
    block.unlock()
    if not room then
        ngx.log(ngx.ERR, "there is room for ", block.SLOTS, " backends in all; those beyond are left out")
    end
end

--- Gives up the slots of tiers that the configuration has no more. Not as soon as it is in force: workers from before a
-- reload may yet send a request there.
function M.leave()
    if not block.is_latest() then
        return
    end
    block.lock()
    for i = 0, block.SLOTS - 1 do
        local s = block.slots[i]
        if s.used == 1 and s.removed == 0 and not M.index[ffi.string(s.tier)] then
            s.removed = 1
            block.changed()
        end
    end
    block.unlock()
end

-- What is said of one slot is said of another of the same backend.
local function copy(s, to)
    to.weight, to.max_connections, to.backup = s.weight, s.max_connections, s.backup
    to.state, to.place = s.state, s.place
end

--- Makes the slots of a backend that has a name those of its addresses. Returns whether there was room for all. Under
-- the lock.
function M.spread(tier, spec, addresses)
    local slots, room = M.find(tier, spec), true
    if #slots == 0 then
        return true -- removed meanwhile
    end
    local one, known, wanted, placed = block.slots[slots[1]], {}, {}, false
    for _, i in ipairs(slots) do
        known[ffi.string(block.slots[i].address)] = true
    end
    for _, address in ipairs(addresses) do
        local is_new = not known[address] and not wanted[address]
        wanted[address] = true
        placed = placed or known[address]
        if is_new then
            local i = add(tier, parse(spec), address, known[""] and one.since or clock.now())
            room = room and i ~= nil
            if i then
                copy(one, block.slots[i])
                block.changed()
                placed = true
            end
        end
    end
    for k, i in ipairs(slots) do
        -- A name without any slot would never be asked for again: where there is no room, one stays.
        if not wanted[ffi.string(block.slots[i].address)] and (placed or k > 1) then
            block.slots[i].removed = 1
            block.changed()
        end
    end
    return room
end

local views, version = {}, nil

local function look()
    version = block.pools.version
    for tier = 0, #M.settings do
        local settings = M.settings[tier]
        local view = { settings = settings, counts = block.pools.tiers[tier], entries = {}, asked_at = -math.huge }
        M.each(tier, function(i, s)
            local address, spec = ffi.string(s.address), ffi.string(s.spec)
            view.entries[#view.entries + 1] = { tier = tier, slot = i, s = s, born = s.born, port = s.port,
                balance = settings.balance,
                address = address:find(":", 1, true) and "[" .. address .. "]" or address,
                spec = spec, host = spec:gsub("^https?://", ""), key = hash.key(address .. ":" .. s.port) }
        end)
        view.size = #view.entries
        views[tier] = view
    end
end

--- The pool of a tier as it is now: {settings, counts, entries}. Under the lock.
function M.view(tier)
    if version ~= block.pools.version then
        look()
    end
    return views[tier]
end

return M
