-- How the shared block is laid out: a header, the buckets of the clients' table, one record a client.

local ffi = require "ffi"
local observations = require "scoregate.observations"

-- hits, hits_end: this client's requests so far, and the last of them that its lease covers; errors
-- and signs likewise, but used up when the end is reached. ask_at: the request to refresh from.
-- limit_…, under_way: what counts for the limits of its tier (limit.lua).
-- page, page_before: hashes of its last two pages (pages.lua).
-- harmless, marks: signs as bits, those that the lease allows and those shown since the last report.
-- Times are milliseconds of nginx's monotonic clock, seen_s and hit_s its seconds.
local CLIENT = [[
typedef struct {
    double hits, hits_end, ask_at, until_ms, refresh_until, verdict_at, dirty_at, limit_at, page_at, page_before_at;
    int32_t chain, newer, older, dirty_newer, dirty_older;
    int32_t a, b;
    int32_t seen_s;
    int32_t page, page_before;
    int32_t errors, errors_end, errors_ask, signs, signs_end, signs_ask;
    uint32_t generation, limit_epoch, under_way;
    int32_t harmless;
    float score;
    uint8_t family, tier, segment, dirty, pinned, held, hit_seconds, limit_tier;
    int32_t hit_s[12], hit_n[12];
    int32_t marks;
    %s
} scoregate_client;

typedef struct {
    uint64_t lock[8];
    int32_t mask, seed;
    int32_t limit[2], count[2], free, dirty_count;
    double generation, generation_at;
    double posted_at, failures, probe_at, breaker_open;
    double gateways, mended;
    double forgotten[2], lost_hits, asks_refused, unreported_hits;
    double waits, waits_expired, posts, post_failures, posts_refused, breaker_opened, wait_ms_sum;
    double requests[16][8], limited[16], limit_epoch;
} scoregate_shared;

typedef struct {
    scoregate_shared *shared;
    int32_t *buckets;
    scoregate_client *slots;
    int32_t last;
} scoregate_parts;
]]

-- A different vocabulary may follow a reload in the same process, with a Lua VM of its own.
ffi.cdef(CLIENT:format(observations.fields))

local header_size = ffi.sizeof("scoregate_shared")
local client_size = ffi.sizeof("scoregate_client")

local M = {
    client_size = client_size,
    --- The first slot of a client: those before it are heads of lists (lists.lua).
    first = 2,
    --- Where a record's unreported part begins: signs and observations are its last fields.
    unreported = ffi.offsetof("scoregate_client", "marks"),
    --- Two blocks with the same text can be read the same way.
    signature = client_size .. "/" .. header_size .. "/" .. observations.fields,
}

--- Buckets for `slots` slots: a power of two, with few clients to a bucket.
function M.buckets_for(slots)
    local p = 1024
    while p < 2 * slots do
        p = p * 2
    end
    return p
end

--- Size of a block for `slots` slots, in bytes.
function M.size(slots)
    return header_size + 4 * M.buckets_for(slots) + client_size * slots
end

--- Where the parts of a block for `slots` slots lie: header, buckets, records.
function M.parts(block, slots)
    local start = ffi.cast("char *", block)
    local index = start + header_size
    return ffi.cast("scoregate_shared *", start), ffi.cast("int32_t *", index),
        ffi.cast("scoregate_client *", index + 4 * M.buckets_for(slots))
end

return M
