-- The table of clients that all workers share: one record a client, found by its key.
--
-- Two segments, each a list from newest to oldest. A client seen once lives among the newcomers, a
-- small segment of its own, so that a million addresses that come once evict each other and nobody
-- else. Its second request moves it to the known clients. A full segment forgets its oldest.

local ffi = require "ffi"
local bit = require "bit"
local layout = require "scoregate.layout"
local lists = require "scoregate.lists"
local memory = require "scoregate.memory"

local band, bxor, rol, tobit = bit.band, bit.bxor, bit.rol, bit.tobit

local HIT_SECONDS, NEWCOMER, KNOWN = 12, 0, 1
local link_newest, unlink, newest, parts = lists.link_newest, lists.unlink, lists.newest, lists.parts
local lock_block, unlock_block = memory.lock, memory.unlock

local M = { NO_TIER = 255, HIT_SECONDS = HIT_SECONDS, NEWCOMER = NEWCOMER, KNOWN = KNOWN, parts = parts }

--- Says which block the table is in: its parts, and its last slot (opening.lua).
function M.use(shared, buckets, slots, last)
    parts.shared, parts.buckets, parts.slots, parts.last = shared, buckets, slots, last
    M.shared, M.slots = shared, slots
end

M.soil, M.clean = lists.soil, lists.clean

local function mend()
    M.rebuild()
end

--- Takes the lock of the table: until unlock() no Lua error may be thrown and nothing may yield.
function M.lock()
    lock_block(parts.shared, mend)
end

function M.unlock()
    unlock_block(parts.shared)
end

-- Slot 0 is no client's: 0 ends a chain. Its family is 0, which no client has, and its chain ends in itself.

-- Bob Jenkins' lookup3 final(), seeded, so that nobody can choose addresses that collide.
local function bucket_of(a, b)
    local shared = parts.shared
    local c = shared.seed
    c = tobit(bxor(c, b) - rol(b, 14))
    a = tobit(bxor(a, c) - rol(c, 11))
    b = tobit(bxor(b, a) - rol(a, 25))
    c = tobit(bxor(c, b) - rol(b, 16))
    a = tobit(bxor(a, c) - rol(c, 4))
    b = tobit(bxor(b, a) - rol(a, 14))
    c = tobit(bxor(c, b) - rol(b, 24))
    return band(c, shared.mask)
end

--- Hits that a record, or a copy of one, holds unreported.
function M.hits_held(c)
    local hits = 0
    for k = 0, c.hit_seconds - 1 do
        hits = hits + c.hit_n[k]
    end
    return hits
end

local function forget(i, c)
    local shared, buckets, slots = parts.shared, parts.buckets, parts.slots
    local slot = bucket_of(c.a, c.b)
    local at = buckets[slot]
    if at == i then
        buckets[slot] = c.chain
    else
        while slots[at].chain ~= i do
            at = slots[at].chain
        end
        slots[at].chain = c.chain
    end
    local hits = M.hits_held(c)
    shared.lost_hits = shared.lost_hits + hits
    shared.unreported_hits = shared.unreported_hits - hits
    shared.forgotten[c.segment] = shared.forgotten[c.segment] + 1
    lists.clean(c)
    unlink(c)
    ffi.fill(c, layout.client_size)
    c.chain = shared.free
    shared.free = i
end

local function make_room(segment)
    local shared = parts.shared
    if shared.count[segment] >= shared.limit[segment] then
        local i = lists.oldest(segment)
        forget(i, parts.slots[i])
    end
end

local function find_further(i, family, a, b)
    local slots = parts.slots
    while i ~= 0 do
        local c = slots[i]
        if c.a == a and c.b == b and c.family == family then
            return i, c
        end
        i = c.chain
    end
    return nil
end

--- Finds a client: slot number and record, or nil. The record is good until unlock().
-- The first two of a chain, which are nearly all, are looked at without a loop (see target.lua).
function M.find(family, a, b)
    local slots = parts.slots
    local i = parts.buckets[bucket_of(a, b)]
    local c = slots[i]
    if c.a == a and c.b == b and c.family == family then
        return i, c
    end
    i = c.chain
    c = slots[i]
    if c.a == a and c.b == b and c.family == family then
        return i, c
    end
    return find_further(i, family, a, b)
end

--- Adds a client that find() did not find, among the newcomers.
function M.add(family, a, b)
    local shared, buckets, slots = parts.shared, parts.buckets, parts.slots
    make_room(NEWCOMER)
    local i = shared.free
    local c = slots[i]
    local slot = bucket_of(a, b)
    shared.free = c.chain
    c.family, c.a, c.b, c.tier = family, a, b, M.NO_TIER
    c.chain = buckets[slot]
    buckets[slot] = i
    link_newest(i, c, NEWCOMER)
    return i, c
end

--- Says that a client was seen in second `now_s`; a newcomer seen again becomes known.
function M.touch(i, c, now_s)
    if c.segment == NEWCOMER then
        if c.hits > 0 then
            make_room(KNOWN)
            unlink(c)
            link_newest(i, c, KNOWN)
        end
    elseif c.seen_s ~= now_s and newest(KNOWN) ~= i then
        unlink(c)
        link_newest(i, c, KNOWN)
    end
    c.seen_s = now_s
end

--- Counts one hit in second `now_s`. Seconds beyond the room (only while the scorer can't be
-- reached) are merged by pairs, the oldest first, into the later one of each pair.
function M.count_hit(c, now_s)
    local shared = parts.shared
    c.hits = c.hits + 1
    shared.unreported_hits = shared.unreported_hits + 1
    local n = c.hit_seconds
    if n > 0 and c.hit_s[n - 1] == now_s then
        c.hit_n[n - 1] = c.hit_n[n - 1] + 1
        return
    end
    if n == HIT_SECONDS then
        local half = n / 2
        for k = 0, half - 1, 2 do
            c.hit_s[k / 2] = c.hit_s[k + 1]
            c.hit_n[k / 2] = c.hit_n[k] + c.hit_n[k + 1]
        end
        n = half + half / 2 -- the older half is now a quarter
        for k = half / 2, n - 1 do
            c.hit_s[k], c.hit_n[k] = c.hit_s[k + half / 2], c.hit_n[k + half / 2]
        end
    end
    c.hit_s[n], c.hit_n[n] = now_s, 1
    c.hit_seconds = n + 1
end

--- Copies a record to `copy` and empties what it holds unreported.
function M.take(c, copy)
    ffi.copy(copy, c, layout.client_size)
    lists.clean(c)
    parts.shared.unreported_hits = parts.shared.unreported_hits - M.hits_held(c)
    c.hit_seconds = 0
    ffi.fill(ffi.cast("char *", c) + layout.unreported, layout.client_size - layout.unreported)
end

--- Adds `n` (1 unless given) to a counter of the shared block.
function M.tally(name, n)
    M.lock()
    parts.shared[name] = parts.shared[name] + (n or 1)
    M.unlock()
end

--- Builds every list anew from the records themselves.
function M.rebuild()
    local shared, buckets, slots = parts.shared, parts.buckets, parts.slots
    ffi.fill(buckets, 4 * (shared.mask + 1))
    lists.clear()
    shared.free, shared.unreported_hits = 0, 0
    for i = parts.last, layout.first, -1 do
        local c = slots[i]
        if c.family == 0 then
            c.chain = shared.free
            shared.free = i
        else
            local slot = bucket_of(c.a, c.b)
            c.chain = buckets[slot]
            buckets[slot] = i
            if shared.count[c.segment] >= shared.limit[c.segment] then
                c.segment = 1 - c.segment
            end
            link_newest(i, c, c.segment)
            shared.unreported_hits = shared.unreported_hits + M.hits_held(c)
            if c.dirty == 1 then
                lists.link_dirty(i, c)
            end
        end
    end
    shared.mended = shared.mended + 1
end

return M
