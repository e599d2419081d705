-- The memory that all workers share about backends: a slot for each, and a row for each worker.
--
-- Its size does not depend on the configuration, so one block serves from the first start to the end of nginx's
-- master: over a reload requests under way in old workers still count, and what is known of a backend is kept.
--
-- How many requests a backend has under way must be right although a worker may die with some: each worker notes its
-- own in a row, whose lock it holds as long as it lives. A row whose lock can be had is of a dead one: what it noted
-- is taken off again (sweep).

local ffi = require "ffi"
local memory = require "scoregate.memory"

local SLOTS, ROWS, TIERS = 256, 256, 8
local SLICES, BUCKETS = 32, 64

ffi.cdef(([[
typedef struct {
    double budget, requests, errors, unserved, retries, retries_refused, queued, queue_expired, turn;
} scoregate_tier;

typedef struct {
    char tier[40], spec[280], address[48];
    uint16_t port;
    uint8_t used, removed, backup, state, tls, place, named, name_failed;
    uint32_t weight, max_connections, in_flight;
    double born, current, picked, picked_at, since;
    double requests, errors, retried;
    double latency_ms, latency_at, answered_at;
    double errors_row, fives_row, good, bad, recent_at;
    double ejected_until, ejected_ms, ejections;
    double checked_at, check_ms, resolve_at;
    uint8_t down;
    uint32_t check_status, good_row, bad_row;
    char why[96], check_why[96];
    uint32_t slice_at[%d], slices[%d][%d];
} scoregate_backend;

typedef struct {
    uint64_t lock[8];
    int32_t pid;
    uint32_t in_flight[%d];
} scoregate_row;

typedef struct {
    uint64_t lock[8];
    double version, serial, configuration, swept, checker_until, changing_until;
    int32_t checker;
    scoregate_tier tiers[%d];
    scoregate_row rows[%d];
    scoregate_backend slots[%d];
} scoregate_pools;
]]):format(SLICES, SLICES, BUCKETS, SLOTS, TIERS, ROWS, SLOTS))

local KEY = "pools"
local SIGNATURE = ffi.sizeof("scoregate_pools") .. "/" .. ffi.sizeof("scoregate_backend")

local M = { UP = 0, DRAIN = 1, MAINTENANCE = 2, SLOTS = SLOTS, SLICES = SLICES, BUCKETS = BUCKETS,
    STATES = { [0] = "up", "drain", "maintenance" } }

local row
local configuration -- which one this is, counted from the start of the master

-- What is under way is what the workers' rows say: a worker that died within the lock may have noted half.
local function mend()
    for i = 0, SLOTS - 1 do
        local n = 0
        for k = 0, ROWS - 1 do
            n = n + M.pools.rows[k].in_flight[i]
        end
        M.pools.slots[i].in_flight = n
    end
end

local function use(block)
    M.pools = ffi.cast("scoregate_pools *", block)
    M.slots = M.pools.slots
    M.lock, M.unlock = memory.locks(block, mend)
end

--- Opens the block in nginx's master: the one of before a reload, else a new one. `dict` remembers it.
function M.open(dict)
    local found, is_new = memory.lasting(dict, KEY, ffi.sizeof("scoregate_pools"), SIGNATURE)
    use(found)
    if is_new then
        memory.make_lock(found)
        for k = 0, ROWS - 1 do
            memory.make_lock(M.pools.rows[k])
        end
    end
    configuration = M.pools.configuration + 1
    M.pools.configuration = configuration
end

--- Whether no later configuration has been read: workers of earlier ones know only what was.
function M.is_latest()
    return M.pools.configuration == configuration
end

-- Takes off what a dead worker noted. Under the lock.
local function clear(its_row)
    for i = 0, SLOTS - 1 do
        local n = its_row.in_flight[i]
        if n > 0 then
            M.slots[i].in_flight = M.slots[i].in_flight - n
            its_row.in_flight[i] = 0
        end
    end
    its_row.pid = 0
end

--- Takes a row for this worker. Called once, in it.
function M.join()
    for k = 0, ROWS - 1 do
        local its_row = M.pools.rows[k]
        if memory.try_lock(its_row) then
            M.lock()
            clear(its_row)
            its_row.pid = ffi.C.getpid()
            M.unlock()
            row = its_row
            return
        end
    end
    error("more than " .. ROWS .. " workers of this gateway are alive; end those of earlier reloads")
end

--- Frees the slots of backends that are gone and have nothing under way. Under the lock.
function M.free()
    for i = 0, SLOTS - 1 do
        local s = M.slots[i]
        if s.used == 1 and s.removed == 1 and s.in_flight == 0 then
            ffi.fill(s, ffi.sizeof(s))
        end
    end
end

--- Takes off what workers noted that have died since, and frees the slots of backends that are gone.
function M.sweep()
    for k = 0, ROWS - 1 do
        local its_row = M.pools.rows[k]
        if its_row.pid ~= 0 and its_row ~= row and memory.try_lock(its_row) then
            M.lock()
            clear(its_row)
            M.unlock()
            memory.give_back(its_row)
        end
    end
    M.lock()
    M.free()
    M.unlock()
end

--- Notes that a request is sent to the backend of slot `i`. Under the lock.
function M.begin(i)
    row.in_flight[i] = row.in_flight[i] + 1
    M.slots[i].in_flight = M.slots[i].in_flight + 1
end

--- Notes that it has ended. Under the lock.
function M.finish(i)
    row.in_flight[i] = row.in_flight[i] - 1
    M.slots[i].in_flight = M.slots[i].in_flight - 1
end

--- The first free slot, zeroed, or nil when there is none. Under the lock.
function M.free_slot()
    for i = 0, SLOTS - 1 do
        if M.slots[i].used == 0 then
            ffi.fill(M.slots[i], ffi.sizeof("scoregate_backend"))
            M.pools.serial = M.pools.serial + 1
            M.slots[i].used, M.slots[i].born = 1, M.pools.serial
            return i
        end
    end
    return nil
end

--- Says that there are other slots, or other settings of them. Under the lock.
function M.changed()
    M.pools.version = M.pools.version + 1
end

return M
