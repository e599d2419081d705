-- The table of clients that all workers share: one record a client, found by its key.
--
-- Two segments, each a list from newest to oldest. A client seen once lives among the newcomers, a
-- small segment of its own, so that a million addresses that come once evict each other and nobody
-- else. Its second request moves it to the known clients. A full segment forgets its oldest.

local ffi = require "ffi"
local bit = require "bit"
local memory = require "scoregate.memory"
local observations = require "scoregate.observations"

local band, bxor, rol, tobit = bit.band, bit.bxor, bit.rol, bit.tobit

local M = { NO_TIER = 255, HIT_SECONDS = 12, NEWCOMER = 0, KNOWN = 1 }

-- hits, hits_end: this client's requests so far, and the last of them that its lease covers; errors
-- and signs likewise, but used up when the end is reached. ask_at: the request to refresh from.
-- Times are milliseconds of nginx's monotonic clock, seen_s and hit_s its seconds.
local CLIENT = [[
typedef struct {
    double hits, hits_end, ask_at, until_ms, refresh_until, verdict_at, dirty_at;
    uint32_t chain, newer, older, dirty_newer, dirty_older;
    int32_t a, b;
    uint32_t seen_s;
    uint32_t errors, errors_end, errors_ask, signs, signs_end, signs_ask;
    uint32_t generation, marks, marks_before, marks_s, new_mark;
    float score;
    uint8_t family, tier, segment, dirty, pinned, held, hit_seconds;
    uint32_t hit_s[12], hit_n[12];
    %s
} scoregate_client;

typedef struct {
    uint64_t lock[8];
    uint32_t mask, seed, limit[2], count[2], newest[2], oldest[2], free;
    uint32_t dirty_newest, dirty_oldest, dirty_count;
    double generation, generation_at;
    double posted_at, failures, probe_at, breaker_open;
    double gateways, mended;
    double forgotten[2], lost_hits, asks_refused, unreported_hits;
    double waits, waits_expired, posts, post_failures, posts_refused, breaker_opened, wait_ms_sum;
    double requests[16][8];
} scoregate_shared;
]]

-- A different vocabulary may follow a reload in the same process, with a Lua VM of its own.
ffi.cdef(CLIENT:format(observations.fields))

local header_size = ffi.sizeof("scoregate_shared")
local client_size = ffi.sizeof("scoregate_client")
local unreported = ffi.offsetof("scoregate_client", observations.names[1])
M.client_bytes = client_size

local shared, buckets, slots, last

-- Slot 0 is never used: 0 ends a list. Its family is 0, which no client has, and its chain ends in itself.

-- Bob Jenkins' lookup3 final(), seeded, so that nobody can choose addresses that collide.
local function bucket_of(a, b)
    local c = tobit(shared.seed)
    c = tobit(bxor(c, b) - rol(b, 14))
    a = tobit(bxor(a, c) - rol(c, 11))
    b = tobit(bxor(b, a) - rol(a, 25))
    c = tobit(bxor(c, b) - rol(b, 16))
    a = tobit(bxor(a, c) - rol(c, 4))
    b = tobit(bxor(b, a) - rol(a, 14))
    c = tobit(bxor(c, b) - rol(b, 24))
    return band(c, shared.mask)
end

-- The list of a segment.
local function link_newest(i, c, segment)
    local second = shared.newest[segment]
    c.segment, c.newer, c.older = segment, 0, second
    if second == 0 then
        shared.oldest[segment] = i
    else
        slots[second].newer = i
    end
    shared.newest[segment] = i
    shared.count[segment] = shared.count[segment] + 1
end

local function unlink(c)
    local segment, newer, older = c.segment, c.newer, c.older
    if newer == 0 then
        shared.newest[segment] = older
    else
        slots[newer].older = older
    end
    if older == 0 then
        shared.oldest[segment] = newer
    else
        slots[older].newer = newer
    end
    shared.count[segment] = shared.count[segment] - 1
end

-- The queue of clients with something unreported, in the order in which that began.
local function link_dirty(i, c)
    local second = shared.dirty_newest
    c.dirty, c.dirty_newer, c.dirty_older = 1, 0, second
    if second == 0 then
        shared.dirty_oldest = i
    else
        slots[second].dirty_newer = i
    end
    shared.dirty_newest = i
    shared.dirty_count = shared.dirty_count + 1
end

--- Takes a client out of the queue of the unreported.
function M.clean(c)
    if c.dirty == 0 then
        return
    end
    local newer, older = c.dirty_newer, c.dirty_older
    if newer == 0 then
        shared.dirty_newest = older
    else
        slots[newer].dirty_older = older
    end
    if older == 0 then
        shared.dirty_oldest = newer
    else
        slots[older].dirty_newer = newer
    end
    c.dirty = 0
    shared.dirty_count = shared.dirty_count - 1
end

--- Says that a client has something unreported, since `now` (ms) if it had nothing before.
function M.soil(i, c, now)
    if c.dirty == 0 then
        c.dirty_at = now
        link_dirty(i, c)
    end
end

local function unreported_hits(c)
    local hits = 0
    for k = 0, c.hit_seconds - 1 do
        hits = hits + c.hit_n[k]
    end
    return hits
end

local function forget(i, c)
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
    local hits = unreported_hits(c)
    shared.lost_hits = shared.lost_hits + hits
    shared.unreported_hits = shared.unreported_hits - hits
    shared.forgotten[c.segment] = shared.forgotten[c.segment] + 1
    M.clean(c)
    unlink(c)
    ffi.fill(c, client_size)
    c.chain = shared.free
    shared.free = i
end

local function make_room(segment)
    if shared.count[segment] >= shared.limit[segment] then
        local i = shared.oldest[segment]
        forget(i, slots[i])
    end
end

local function find_further(i, family, a, b)
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
    local i = buckets[bucket_of(a, b)]
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
    make_room(M.NEWCOMER)
    local i = shared.free
    local c = slots[i]
    local slot = bucket_of(a, b)
    shared.free = c.chain
    c.family, c.a, c.b, c.tier = family, a, b, M.NO_TIER
    c.chain = buckets[slot]
    buckets[slot] = i
    link_newest(i, c, M.NEWCOMER)
    return i, c
end

--- Says that a client was seen in second `now_s`; a newcomer seen again becomes known.
function M.touch(i, c, now_s)
    if c.segment == M.NEWCOMER then
        if c.hits > 0 then
            make_room(M.KNOWN)
            unlink(c)
            link_newest(i, c, M.KNOWN)
        end
    elseif c.seen_s ~= now_s and shared.newest[M.KNOWN] ~= i then
        unlink(c)
        link_newest(i, c, M.KNOWN)
    end
    c.seen_s = now_s
end

--- Counts one hit in second `now_s`. Seconds beyond the room (only while the scorer can't be
-- reached) are merged by pairs, the oldest first, into the later one of each pair.
function M.count_hit(c, now_s)
    c.hits = c.hits + 1
    shared.unreported_hits = shared.unreported_hits + 1
    local n = c.hit_seconds
    if n > 0 and c.hit_s[n - 1] == now_s then
        c.hit_n[n - 1] = c.hit_n[n - 1] + 1
        return
    end
    if n == M.HIT_SECONDS then
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
    ffi.copy(copy, c, client_size)
    M.clean(c)
    shared.unreported_hits = shared.unreported_hits - unreported_hits(c)
    c.hit_seconds = 0
    ffi.fill(ffi.cast("char *", c) + unreported, client_size - unreported)
end

--- Adds 1 to a counter of the shared block.
function M.tally(name)
    M.lock()
    shared[name] = shared[name] + 1
    M.unlock()
end

-- Builds every list anew from the records themselves.
local function rebuild()
    ffi.fill(buckets, 4 * (shared.mask + 1))
    shared.free, shared.dirty_newest, shared.dirty_oldest, shared.dirty_count = 0, 0, 0, 0
    shared.unreported_hits = 0
    for segment = 0, 1 do
        shared.newest[segment], shared.oldest[segment], shared.count[segment] = 0, 0, 0
    end
    for i = last, 1, -1 do
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
            shared.unreported_hits = shared.unreported_hits + unreported_hits(c)
            if c.dirty == 1 then
                link_dirty(i, c)
            end
        end
    end
    shared.mended = shared.mended + 1
end

-- Buckets for `n` slots: a power of two, with few clients to a bucket.
local function buckets_for(n)
    local p = 1024
    while p < 2 * n do
        p = p * 2
    end
    return p
end

-- Where the parts of a block for `total` slots lie.
local function parts(block, total)
    local start = ffi.cast("char *", block)
    local index = start + header_size
    return ffi.cast("scoregate_shared *", start), ffi.cast("uint32_t *", index),
        ffi.cast("scoregate_client *", index + 4 * buckets_for(total))
end

-- Copies the records of an earlier block; what does not fit is forgotten, oldest first. What they hold
-- unreported stays behind: the workers that still use that block report it (sender.lua).
local function take_over(block, total)
    local old, _, old_slots = parts(block, total)
    local lock, unlock = memory.locks(block, function() end)
    lock() -- its workers go on meanwhile
    shared.generation, shared.generation_at, shared.gateways = old.generation, old.generation_at, old.gateways
    ffi.copy(shared.requests, old.requests, ffi.sizeof(old.requests))
    local to = 1
    for segment = 0, 1 do
        local from, room = old.newest[segment], shared.limit[segment]
        while from ~= 0 and room > 0 do
            local c = slots + to
            ffi.copy(c, old_slots + from, unreported)
            c.dirty, c.hit_seconds, c.refresh_until = 0, 0, 0
            from, to, room = old_slots[from].older, to + 1, room - 1
        end
    end
    unlock()
    rebuild()
end

-- A record's tier is an index: after a reload with other tiers the same name may have another one.
local function rename_tiers(before, tiers)
    local index, new_index = 0, {}
    for name in before:gmatch("[^,]+") do
        new_index[index], index = M.NO_TIER, index + 1
        for i, tier in ipairs(tiers) do
            if tier == name then
                new_index[index - 1] = i - 1
            end
        end
    end
    for i = 1, last do
        slots[i].tier = new_index[slots[i].tier] or M.NO_TIER
    end
end

local function create(known, newcomers)
    local total = known + newcomers + 1
    local bytes = header_size + 4 * buckets_for(total) + client_size * total
    local block = memory.create(bytes)
    shared, buckets, slots = parts(block, total)
    last = total - 1
    shared.mask = buckets_for(total) - 1
    shared.seed = math.random(0, 0x7ffffffe)
    shared.limit[M.NEWCOMER], shared.limit[M.KNOWN] = newcomers, known
    shared.gateways = 1
    rebuild()
    return block, bytes
end

--- Opens the table in nginx's master: the one of the cycle in force if it is of the same layout, tiers and
-- size, else a new one that takes over what the old one knew.
-- `known` and `newcomers` are the most clients that each segment holds, `tiers` the names of the tiers.
-- Each worker then calls remember().
function M.open(dict, known, newcomers, tiers)
    local layout = client_size .. "/" .. header_size .. "/" .. observations.fields
    local signature = table.concat({ layout, table.concat(tiers, ","), known, newcomers }, "|")
    memory.release_superseded(dict)
    local block, before = memory.earlier(dict)
    local bytes
    if block and before == signature then
        shared, buckets, slots = parts(block, known + newcomers + 1)
        last = known + newcomers
    else
        local old = block
        block, bytes = create(known, newcomers)
        local its_layout, its_tiers, k, n = (before or ""):match("^(.*)|(.*)|(%d+)|(%d+)$")
        if old and its_layout == layout then
            take_over(old, k + n + 1)
            rename_tiers(its_tiers, tiers)
        end
        shared.mended = 0
    end
    local master = ffi.C.getpid()
    M.shared, M.slots = shared, slots
    M.lock, M.unlock = memory.locks(block, rebuild)
    M.remember = function()
        memory.remember(dict, block, bytes, signature, master)
    end
    M.is_current = function()
        return dict:get("address") == tonumber(ffi.cast("uintptr_t", block))
    end
end

return M
