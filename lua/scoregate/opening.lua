-- Opens the block that the table of clients is in: the one in force if it still fits the configuration,
-- else a new one that takes over what the old one knew.

local ffi = require "ffi"
local bit = require "bit"
local clients = require "scoregate.clients"
local layout = require "scoregate.layout"
local memory = require "scoregate.memory"

local M = {}

-- Parts of the block, and how it is to be remembered.
local shared, slots
local dict, block, description

local function use(its_block, total)
    block = its_block
    local buckets
    shared, buckets, slots = layout.parts(block, total)
    clients.use(shared, buckets, slots, total - 1)
end

-- Nobody outside may know the seed, by which clients find their buckets.
local function random_seed()
    local file = assert(io.open("/dev/urandom", "rb"))
    local a, b, c, d = file:read(4):byte(1, 4)
    file:close()
    return a + 256 * (b + 256 * (c + 256 * d))
end

local function create(known, newcomers)
    local total = known + newcomers + layout.first
    use(memory.create(layout.size(total)), total)
    shared.mask = layout.buckets_for(total) - 1
    shared.seed = bit.tobit(random_seed())
    shared.limit[clients.NEWCOMER], shared.limit[clients.KNOWN] = newcomers, known
    shared.gateways = 1
end

-- A tier is an index in the block: after a reload with other tiers the same name may have another one.
-- Old index → new one, for the names that are still there.
local function indices(before, tiers)
    local index, new_index = 0, {}
    for name in before:gmatch("[^,]+") do
        for i, tier in ipairs(tiers) do
            if tier == name then
                new_index[index] = i - 1
            end
        end
        index = index + 1
    end
    return new_index
end

local function copy_counts(old, new_index)
    shared.generation, shared.generation_at, shared.gateways = old.generation, old.generation_at, old.gateways
    shared.limit_epoch = old.limit_epoch
    for before, now in pairs(new_index) do
        ffi.copy(shared.requests[now], old.requests[before], ffi.sizeof(old.requests[before]))
        shared.limited[now] = old.limited[before]
    end
end

-- Copies the records of an earlier block; what does not fit is forgotten, oldest first. What they hold
-- unreported stays behind: the workers that still use that block report it (sender.lua).
local function take_over(old_block, total, new_index)
    local old, _, old_slots = layout.parts(old_block, total)
    memory.lock(old_block, function() end) -- its workers go on meanwhile
    copy_counts(old, new_index)
    local to = layout.first
    for segment = 0, 1 do
        local from, room = old_slots[segment].older, shared.limit[segment]
        while from ~= segment and room > 0 do
            local c = slots + to
            ffi.copy(c, old_slots + from, layout.unreported)
            c.dirty, c.hit_seconds, c.refresh_until = 0, 0, 0
            c.tier = new_index[c.tier] or clients.NO_TIER
            from, to, room = old_slots[from].older, to + 1, room - 1
        end
    end
    memory.unlock(old_block)
end

-- A worker that died inside the lock of a block may have left it to us to mend.
local function mend(its_block, total)
    use(its_block, total)
    clients.lock()
    clients.unlock()
end

-- The description of the block that is open then.
local function open(known, newcomers, tiers, signature)
    local total = known + newcomers + layout.first
    local old, before, its_description = memory.earlier(dict)
    if old and before == signature then
        use(old, total)
        return its_description
    end
    local its_layout, its_tiers, k, n = (before or ""):match("^(.*)|(.*)|(%d+)|(%d+)$")
    local compatible = old and its_layout == layout.signature
    if compatible then
        mend(old, k + n + layout.first)
    end
    create(known, newcomers)
    if compatible then
        take_over(old, k + n + layout.first, indices(its_tiers, tiers))
    end
    clients.rebuild()
    shared.mended = 0
    return memory.describe(dict, block, layout.size(total), ffi.C.getpid(), signature)
end

--- Opens the table in nginx's master. `its_dict` is the ngx.shared dictionary that remembers the block over
-- a reload; `known` and `newcomers` are the most clients that each segment holds, `tiers` the names of the
-- tiers. Each worker then calls remember().
function M.open(its_dict, known, newcomers, tiers)
    dict = its_dict
    memory.release_superseded(dict)
    local signature = table.concat({ layout.signature, table.concat(tiers, ","), known, newcomers }, "|")
    description = open(known, newcomers, tiers, signature)
    memory.announce(dict, description)
end

--- Called by each worker: the block is now the one in force.
function M.remember()
    memory.remember(dict, description)
end

--- Whether workers that are started from now on use this block too.
function M.is_latest()
    return memory.is_latest(dict, description)
end

return M
