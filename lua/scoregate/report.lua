-- A report: what clients did since their last one, as the body of POST /score_ip.

local ffi = require "ffi"
local bit = require "bit"
local buffer = require "string.buffer"
local asks = require "scoregate.asks"
local clients = require "scoregate.clients"
local key = require "scoregate.key"
local lease = require "scoregate.lease"
local lists = require "scoregate.lists"
local observations = require "scoregate.observations"

local settings = observations.settings
local cast, tobit, tohex = ffi.cast, bit.tobit, bit.tohex
local floor, max, min = math.floor, math.max, math.min
local NO_TIER = clients.NO_TIER

-- Nothing stays unreported for more than 1 s, or 10 s while many clients are active; less the tick
-- of the sender, which may look that much later.
local UNREPORTED_MS, UNREPORTED_MANY_MS, MANY = 750, 9750, 5000
local LOOK_PAST = 64

local M = {}

--- A new, empty batch: `n` clients, `taken[k]` (0-based) the copies of their records, `slot[k]`, and the hits
-- that are left of a lease that holds, `leased[k]`.
function M.batch()
    return { n = 0, slot = {}, leased = {}, taken = ffi.new("scoregate_client[?]", asks.BATCH) }
end

-- The tier that the scorer is told, for when it has forgotten the client; nil if none is. A pin says nothing about the
-- client; an old verdict nothing about the present: its hold may be over, so that it says the best one, a return.
local function told_tier(c, now)
    if c.tier <= 0 or c.pinned ~= 0 then
        return nil
    end
    return now - c.verdict_at < settings.holds_s[c.tier] * 1000 and c.tier or 0
end

-- The hits that are left of a lease that holds and is not nearly spent; false without one.
local function left(c, now)
    return lease.state(c, c.hits, now) == lease.HOLDS and not lease.nearly_spent(c, c.hits) and c.pinned == 0
        and min(c.hits_end - c.hits, lease.MOST)
end

local function add(batch, i, now)
    local c = clients.slots[i]
    if c.family == 0 then
        return -- forgotten meanwhile
    end
    batch.leased[batch.n] = left(c, now)
    clients.take(c, batch.taken[batch.n])
    asks.begin(c, now)
    batch.slot[batch.n] = i
    batch.n = batch.n + 1
end

local function patience()
    return clients.shared.dirty_count > MANY and UNREPORTED_MANY_MS or UNREPORTED_MS
end

local function add_unreported(batch, now, since)
    local slots = clients.slots
    local i, passed = lists.first_dirty(), 0
    while i ~= lists.QUEUE and batch.n < asks.BATCH and passed < LOOK_PAST do
        local c = slots[i]
        if c.dirty_at > since then
            return
        end
        local newer = c.dirty_newer
        if since <= now and asks.under_way(c, now) then
            passed = passed + 1 -- another worker is about to report it
        else
            add(batch, i, now)
        end
        i = newer
    end
end

--- Fills a batch: first whom somebody asks about, then who has been unreported too long. Returns
-- the number of clients in it.
function M.take(batch, now)
    batch.n = 0
    clients.lock()
    while batch.n < asks.BATCH do
        local i = asks.next()
        if not i then
            break
        end
        add(batch, i, now)
    end
    add_unreported(batch, now, now - patience())
    clients.unlock()
    return batch.n
end

--- The hits in a batch.
function M.hits(batch)
    local hits = 0
    for k = 0, batch.n - 1 do
        hits = hits + clients.hits_held(batch.taken[k])
    end
    return hits
end

--- Fills a batch with whatever is unreported, however short a time. Returns the number of clients.
function M.take_all(batch, now)
    batch.n = 0
    clients.lock()
    add_unreported(batch, now, math.huge) -- another worker's clock may be a moment ahead
    clients.unlock()
    return batch.n
end

-- A string.buffer and loops over offsets, not a table of strings and fields by name: LuaJIT makes one
-- trace of each loop, where a name that varies would take one for each name. tobit() where a number is known to be
-- an integer: its text takes a third of the time.
local body = buffer.new()

local function put_hits(c, now_s)
    for k = 0, c.hit_seconds - 1 do
        -- another worker's clock may be a moment ahead
        local age = max(0, min(now_s - c.hit_s[k], 3600))
        body:put(k == 0 and ',"hits":[[' or ",[", tobit(age), ",", tobit(c.hit_n[k]), "]")
    end
    if c.hit_seconds > 0 then
        body:put("]")
    end
end

-- Where the observations of each kind lie in a record, and what stands before their values.
local function of_kind(kind)
    local found = { n = 0 }
    for k, name in ipairs(observations.names) do
        if observations.kinds[k] == kind then
            found.n = found.n + 1
            found[found.n] = { offset = ffi.offsetof("scoregate_client", name), label = ',"' .. name .. '":' }
        end
    end
    return found
end

local counts, bitmaps = of_kind("count"), of_kind("bitmap")
local uint32_p, int32_p = ffi.typeof("uint32_t *"), ffi.typeof("int32_t *")

local function put_observations(c)
    local record = cast("char *", c)
    for k = 1, counts.n do
        local n = cast(uint32_p, record + counts[k].offset)[0]
        if n ~= 0 then
            body:put(counts[k].label, n < 2 ^ 31 and tobit(n) or n)
        end
    end
    for k = 1, bitmaps.n do
        local half = cast(int32_p, record + bitmaps[k].offset)
        if half[0] ~= 0 or half[1] ~= 0 then
            -- the high half comes first
            body:put(bitmaps[k].label, '"', tohex(half[1]), tohex(half[0]), '"')
        end
    end
end

local function put_client(c, leased, now)
    body:put('{"ip":"')
    key.put(body, c.family, c.a, c.b)
    body:put('"')
    local told = c.tier ~= NO_TIER and told_tier(c, now)
    if told then
        body:put(',"tier":"', settings.tiers[told + 1], '"')
    end
    if leased and (told or 0) == c.tier then
        body:put(',"leased":', tobit(leased))
    end
    put_hits(c, floor(now / 1000))
    put_observations(c)
    body:put("}")
end

--- The batch as JSON text; `sender` and `seq` say whose and which it is.
function M.encode(batch, sender, seq, now)
    body:reset()
    body:putf('{"sender":"%s","seq":%d,"held":%.0f,"brief":true,"clients":[', sender, seq, clients.shared.generation)
    for k = 0, batch.n - 1 do
        if k > 0 then
            body:put(",")
        end
        put_client(batch.taken[k], batch.leased[k], now)
    end
    body:put("]}")
    return body:tostring()
end

return M
