-- Opens the block that the table of clients is in: the one in force if it still fits the configuration,
-- else a new one that takes over what the old one knew.

local ffi = require "ffi"
local clients = require "scoregate.clients"
local layout = require "scoregate.layout"
local memory = require "scoregate.memory"

local M = {}

-- The block's parts as clients.use() takes them, and how it is to be remembered.
local shared, buckets, slots, last
local dict, block, bytes, signature, master

local function use(slots_in_all)
    shared, buckets, slots = layout.parts(block, slots_in_all)
    last = slots_in_all - 1
    local lock, unlock = memory.locks(block, clients.rebuild)
    clients.use(shared, buckets, slots, last, lock, unlock)
end

local function create(known, newcomers)
    local total = known + newcomers + 1
    bytes = layout.size(total)
    block = memory.create(bytes)
    use(total)
    shared.mask = layout.buckets_for(total) - 1
    shared.seed = math.random(0, 0x7ffffffe)
    shared.limit[clients.NEWCOMER], shared.limit[clients.KNOWN] = newcomers, known
    shared.gateways = 1
end

-- Copies the records of an earlier block; what does not fit is forgotten, oldest first. What they hold
-- unreported stays behind: the workers that still use that block report it (sender.lua).
local function take_over(old_block, total)
    local old, _, old_slots = layout.parts(old_block, total)
    local lock, unlock = memory.locks(old_block, function() end)
    lock() -- its workers go on meanwhile
    shared.generation, shared.generation_at, shared.gateways = old.generation, old.generation_at, old.gateways
    ffi.copy(shared.requests, old.requests, ffi.sizeof(old.requests))
    local to = 1
    for segment = 0, 1 do
        local from, room = old.newest[segment], shared.limit[segment]
        while from ~= 0 and room > 0 do
            local c = slots + to
            ffi.copy(c, old_slots + from, layout.unreported)
            c.dirty, c.hit_seconds, c.refresh_until = 0, 0, 0
            from, to, room = old_slots[from].older, to + 1, room - 1
        end
    end
    unlock()
end

-- A record's tier is an index: after a reload with other tiers the same name may have another one.
local function rename_tiers(before, tiers)
    local index, new_index = 0, {}
    for name in before:gmatch("[^,]+") do
        new_index[index], index = clients.NO_TIER, index + 1
        for i, tier in ipairs(tiers) do
            if tier == name then
                new_index[index - 1] = i - 1
            end
        end
    end
    for i = 1, last do
        slots[i].tier = new_index[slots[i].tier] or clients.NO_TIER
    end
end

--- Opens the table in nginx's master. `its_dict` is the ngx.shared dictionary that remembers the block over
-- a reload; `known` and `newcomers` are the most clients that each segment holds, `tiers` the names of the
-- tiers. Each worker then calls remember().
function M.open(its_dict, known, newcomers, tiers)
    dict, master = its_dict, ffi.C.getpid()
    signature = table.concat({ layout.signature, table.concat(tiers, ","), known, newcomers }, "|")
    memory.release_superseded(dict)
    local old, before = memory.earlier(dict)
    if old and before == signature then
        block = old
        bytes = layout.size(known + newcomers + 1)
        use(known + newcomers + 1)
        return
    end
    create(known, newcomers)
    local its_layout, its_tiers, k, n = (before or ""):match("^(.*)|(.*)|(%d+)|(%d+)$")
    if old and its_layout == layout.signature then
        take_over(old, k + n + 1)
        rename_tiers(its_tiers, tiers)
    end
    clients.rebuild()
    shared.mended = 0
end

--- Called by each worker: the block is now the one in force.
function M.remember()
    memory.remember(dict, block, bytes, signature, master)
end

--- Whether the block is still the one in force.
function M.is_current()
    return dict:get("address") == tonumber(ffi.cast("uintptr_t", block))
end

return M
