-- Counts one batch and answers with the records of its clients. The layout of a record is in record.ts, that of the
-- payload in payload.ts. One call is one batch, and a script is atomic: either all of a batch counts, or nothing.
--
-- KEYS[1]  prefix of the shard, "{sg:0}"; every key begins with it, so all are in its slot. The clients' keys are
--          made here: naming 512 of them would double what goes over the wire.
-- ARGV     1 "count" or "look" · 2 sender · 3 seq · 4 gateway, "" for none · 5 seconds that the batch waited
--          6 Redis's second at sending as the scorer believes, 0 if it does not know · 7 observation kinds
--          8 vocabulary · 9 bucket seconds · 11 payload
--          10 seconds in which a client returns once, then the holds, one per line, with commas
-- Returns  {second, microsecond, 1 if counted, gateways, generation, records, each after its length as u16}
local prefix, mode, sender, seq = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])
local WINDOW, ALIVE_MS, SENDER_S = 60, 3000, 3600
local MAX16 = 2 ^ 16 - 1
local bucket_s, payload = tonumber(ARGV[9]), ARGV[11]
local byte, sub, char, floor, max, min = string.byte, string.sub, string.char, math.floor, math.max, math.min
local read, write = struct.unpack, struct.pack

local time = redis.call('TIME')
local now, micros = tonumber(time[1]), tonumber(time[2])

local counting = mode == 'count'
if counting then
  local key = prefix .. ':s:' .. sender
  counting = seq > tonumber(redis.call('GET', key) or 0)
  if counting then redis.call('SET', key, ARGV[3], 'EX', SENDER_S) end
end

-- A batch that lay in a stopped Redis's socket has aged meanwhile. A second of difference is rounding.
local older, sent = tonumber(ARGV[5]), tonumber(ARGV[6])
if sent > 0 and now - sent >= 2 and now - sent <= SENDER_S then older = older + now - sent end

-- From the kinds: a bucket's width, where in it each observation stands, and how long one is in the payload.
local COUNT, BITMAP = 4, 8
local width, place, size = 1, {}, {}
for i = 1, #ARGV[7] do
  place[i] = width + 1
  if sub(ARGV[7], i, i) == 'c' then width, size[i] = width + 2, COUNT
  else width, size[i] = width + 8, BITMAP end
end
local empty_values = string.rep('\0', width - 1)

local holds, repeated = {}, nil
for seconds in string.gmatch(ARGV[10], '%d+') do
  if repeated then holds[#holds + 1] = tonumber(seconds) else repeated = tonumber(seconds) end
end
local lines = #holds
local nobody = char(lines, 255) .. string.rep('\0', 10 + 4 * lines)

local first_bucket = math.ceil((now - WINDOW + 1) / bucket_s)

local function two(n)
  return char(n % 256, floor(n / 256))
end

-- Both tables are strings of entries, oldest first, that begin with a second (bucket) modulo 256. Nearly always the
-- last entry is the one to add to, so the search is from the end.
local function add_hits(hits, last, second, n)
  local p = #hits
  while p > 0 do
    local s = last - (last - byte(hits, p - 2)) % 256
    if s < second then break end
    if s == second then
      n, p = n + byte(hits, p - 1) + 256 * byte(hits, p), p - 3
      return sub(hits, 1, p) .. char(second % 256) .. two(min(n, MAX16)) .. sub(hits, p + 4)
    end
    p = p - 3
  end
  return sub(hits, 1, p) .. char(second % 256) .. two(min(n, MAX16)) .. sub(hits, p + 1)
end

-- A bucket with the observation that stands at `at` in the payload added to its own, at `to`.
local function add_one(bucket, to, is_count, at)
  if is_count then
    local n = min(byte(bucket, to) + 256 * byte(bucket, to + 1) + read('<I4', payload, at), MAX16)
    return sub(bucket, 1, to - 1) .. two(n) .. sub(bucket, to + 2)
  end
  local hi, lo = read('<I4I4', payload, at)
  local had_hi, had_lo = read('<I4I4', bucket, to)
  hi, lo = bit.bor(had_hi, hi) % 2 ^ 32, bit.bor(had_lo, lo) % 2 ^ 32
  if hi == had_hi and lo == had_lo then return bucket end
  return sub(bucket, 1, to - 1) .. write('<I4I4', hi, lo) .. sub(bucket, to + 8)
end

local function add_observed(buckets, last, id, seen, at)
  local p, found = #buckets, false
  local last_id = floor(last / bucket_s)
  while p > 0 do
    local b = last_id - (last_id - byte(buckets, p - width + 1)) % 256
    found = b == id
    if b <= id then break end
    p = p - width
  end
  local start = found and p - width or p
  local bucket = found and sub(buckets, start + 1, p) or char(id % 256) .. empty_values
  for _ = 1, seen do
    local i = byte(payload, at)
    bucket = add_one(bucket, place[i], size[i] == COUNT, at + 1)
    at = at + 1 + size[i]
  end
  return sub(buckets, 1, start) .. bucket .. sub(buckets, p + 1)
end

-- The payload, client by client: key, hits, observations.
local keys, from, position = {}, {}, 1
local length, before_key = #payload, prefix .. ':c:' .. ARGV[8] .. ':'
while position <= length do
  local n = byte(payload, position)
  keys[#keys + 1] = before_key .. sub(payload, position + 1, position + n)
  from[#from + 1] = position + 1 + n
  position = position + 1 + n
  local hits = byte(payload, position)
  position = position + 1 + 5 * hits
  local seen = byte(payload, position + 1)
  position = position + 2
  for _ = 1, seen do position = position + 1 + size[byte(payload, position)] end
end

local found = {}
for start = 1, #keys, 1000 do
  local part = redis.call('MGET', unpack(keys, start, min(start + 999, #keys)))
  for i = 1, #part do found[start + i - 1] = part[i] end
end

local function split(record)
  local had, _, last, hits, buckets = read('<BBI4BB', record)
  local head = 12 + 4 * had
  if #record ~= head + 3 * hits + width * buckets then return nil end
  local top = sub(record, 1, head)
  if had ~= lines then top = nobody end
  return top, last, sub(record, head + 1, head + 3 * hits), sub(record, head + 3 * hits + 1)
end

local function kept_for(top)
  local tier, seconds = byte(top, 2), WINDOW + 2 * bucket_s
  if tier == 255 then return seconds end
  for i = 1, lines do
    local whole = i <= tier and holds[i] + repeated or holds[i]
    if i <= tier then seconds = max(seconds, whole) end
    -- Above its tier a client has a `since` only if it was forgotten.
    local since = read('<I4', top, 5 + 4 * i)
    if since > 0 then seconds = max(seconds, since + whole - now) end
  end
  local returned = read('<I4', top, 9 + 4 * lines)
  if returned > 0 then seconds = max(seconds, returned + repeated - now) end
  return seconds
end

local function add(record, at)
  local count = byte(payload, at)
  local seen = byte(payload, at + 2 + 5 * count)
  if count == 0 and seen == 0 then return record, false end
  local top, last, hits, buckets
  if record and #record >= 8 then top, last, hits, buckets = split(record) end
  if not top then top, last, hits, buckets = nobody, 0, '', '' end
  if last > now + WINDOW then last, hits, buckets = now, '', '' end
  last = max(last, now)
  -- Entries were written relative to the old `last`; what the window cannot see is cut off first, because a byte
  -- says when only within 256 seconds.
  local was = record and #record >= 8 and read('<I4', record, 3) or last
  local cut, total = 0, #hits
  while cut < total and was - (was - byte(hits, cut + 1)) % 256 <= now - WINDOW do cut = cut + 3 end
  if cut > 0 then hits = sub(hits, cut + 1) end
  local was_id = floor(was / bucket_s)
  cut, total = 0, #buckets
  while cut < total and was_id - (was_id - byte(buckets, cut + 1)) % 256 < first_bucket do cut = cut + width end
  if cut > 0 then buckets = sub(buckets, cut + 1) end

  for i = 0, count - 1 do
    local age, n = read('<BI4', payload, at + 1 + 5 * i)
    if age + older < WINDOW then hits = add_hits(hits, last, now - age - older, n) end
  end
  if seen > 0 then
    local id = floor((now - byte(payload, at + 1 + 5 * count) - older) / bucket_s)
    if id >= first_bucket then
      buckets = add_observed(buckets, last, id, seen, at + 3 + 5 * count)
    end
  end
  record = sub(top, 1, 2) .. write('<I4BB', last, #hits / 3, #buckets / width) .. sub(top, 9) .. hits .. buckets
  return record, true, kept_for(top)
end

local latest, reply = {}, {}
for i = 1, #keys do
  local key = keys[i]
  local record = latest[key] or found[i] or nil
  if counting then
    local changed, kept
    record, changed, kept = add(record, from[i])
    if changed then
      redis.call('SETEX', key, kept, record)
      latest[key] = record -- a client may come twice in a batch
    end
  end
  reply[2 * i - 1], reply[2 * i] = two(record and #record or 0), record or ''
end

local gateways = prefix .. ':gateways'
local ms = now * 1000 + floor(micros / 1000)
if mode == 'count' and ARGV[4] ~= '' then
  redis.call('ZADD', gateways, ms, ARGV[4])
  redis.call('ZREMRANGEBYSCORE', gateways, '-inf', ms - ALIVE_MS)
  redis.call('EXPIRE', gateways, 60)
end
local alive = redis.call('ZCOUNT', gateways, '(' .. (ms - ALIVE_MS), '+inf')
local generation = tonumber(redis.call('GET', prefix .. ':generation') or 0)
-- Read only when something changes: without this an allkeys-lru Redis would take them for unused.
redis.call('TOUCH', prefix .. ':pins', prefix .. ':changes', prefix .. ':complete')

return { now, micros, (counting or mode ~= 'count') and 1 or 0, alive, generation, table.concat(reply) }
