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
--
-- Most of its time goes into strings: Redis's Lua hashes every byte of each one that is made. So a record is read where
-- it lies, and put together in one go from few slices.
local prefix, mode, sender, seq = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])
local WINDOW, ALIVE_MS, SENDER_S = 60, 3000, 3600
local MAX16 = 2 ^ 16 - 1
local bucket_s, payload = tonumber(ARGV[9]), ARGV[11]
local byte, sub, char, rep, max, min = string.byte, string.sub, string.char, string.rep, math.max, math.min
local call, read, write, bor, concat = redis.call, struct.unpack, struct.pack, bit.bor, table.concat

local time = call('TIME')
local now, micros = tonumber(time[1]), tonumber(time[2])

local counting = mode == 'count'
if counting then
  local key = prefix .. ':s:' .. sender
  counting = seq > tonumber(call('GET', key) or 0)
  if counting then call('SET', key, ARGV[3], 'EX', SENDER_S) end
end

-- A batch that lay in a stopped Redis's socket has aged meanwhile. A second of difference is rounding.
local older, sent = tonumber(ARGV[5]), tonumber(ARGV[6])
if sent > 0 and now - sent >= 2 and now - sent <= SENDER_S then older = older + now - sent end
local reported = now - older

-- From the kinds: a bucket's width, where in it each observation stands, and how long it is.
local COUNT, BITMAP = 2, 8
local width, place, size = 1, {}, {}
for i = 1, #ARGV[7] do
  place[i], size[i] = width, sub(ARGV[7], i, i) == 'c' and COUNT or BITMAP
  width = width + size[i]
end
local no_values = rep('\0', width - 1)

-- A number in two bytes, made once: few in a batch differ. No count goes beyond them.
local two = setmetatable({}, { __index = function(known, n)
  known[n] = write('<I2', min(n, MAX16))
  return known[n]
end })

local holds, repeated = {}, nil
for seconds in string.gmatch(ARGV[10], '%d+') do
  if repeated then holds[#holds + 1] = tonumber(seconds) else repeated = tonumber(seconds) end
end
local lines = #holds
local NO_TIER, times, no_times = 255, '<' .. rep('I4', lines + 1), rep('\0', 4 * lines + 4)
local nobody = char(lines, NO_TIER) .. rep('\0', 6) .. no_times
local now_written = write('<I4', now)

local oldest = now - WINDOW + 1
local first_bucket = math.ceil(oldest / bucket_s)
local bucket_of = setmetatable({}, { __index = function(known, second)
  known[second] = math.floor(second / bucket_s)
  return known[second]
end })

-- Both tables are strings of entries, oldest first, that begin with a second (bucket) modulo 256: it says how long
-- before `last` they are. Nearly always the last entry is the one to add to, so the search is from the end. The answer
-- is three strings, to be joined later: what stands before the entry, the entry, what stands behind it.

-- The hits that stand at from…to, with n more at a second.
local function add_hits(hits, from, to, last, second, n)
  local p, ago = to, last - second
  while p > from do
    local entry, low, high = byte(hits, p - 2, p)
    local entry_ago = (last - entry) % 256
    if entry_ago == ago then
      return sub(hits, from, p - 2), two[n + low + 256 * high], p < to and sub(hits, p + 1, to) or ''
    end
    if entry_ago > ago then break end
    p = p - 3
  end
  return sub(hits, from, p), char(second % 256) .. two[n], p < to and sub(hits, p + 1, to) or ''
end

-- The buckets that stand at from…to, with the observations that stand at `at` in the payload.
local parts = {}
local function add_observed(record, from, to, last_bucket, id, seen, at)
  local p, ago, found = to, last_bucket - id, false
  while p > from do
    local entry_ago = (last_bucket - byte(record, p - width + 1)) % 256
    found = entry_ago == ago
    if entry_ago >= ago then break end
    p = p - width
  end
  local before, bucket, start = p, record, p - width + 1
  if found then before = p - width else bucket, start = char(id % 256) .. no_values, 1 end
  -- Observations come in the order in which they stand in a bucket, and as they stand there.
  local k, copied = 1, start
  for _ = 1, seen do
    local which, low, high = byte(payload, at, at + 2)
    local i, bytes = start + place[which], size[which]
    local value
    if not found then value = sub(payload, at + 1, at + bytes)
    elseif bytes == COUNT then
      local had_low, had_high = byte(record, i, i + 1)
      value = two[low + had_low + 256 * (high + had_high)]
    else
      local had_hi, had_lo = read('<i4i4', record, i)
      local hi, lo = read('<i4i4', payload, at + 1)
      value = write('<i4i4', bor(hi, had_hi), bor(lo, had_lo))
    end
    parts[k], parts[k + 1] = sub(bucket, copied, i - 1), value
    k, copied, at = k + 2, i + bytes, at + 1 + bytes
  end
  parts[k] = sub(bucket, copied, start + width - 1)
  return sub(record, from, before), concat(parts, '', 1, k), p < to and sub(record, p + 1, to) or ''
end

local function seconds_for(tier, standing)
  local seconds = WINDOW + 2 * bucket_s
  if tier == NO_TIER then return seconds end
  local since = { read(times, standing) }
  for i = 1, lines do
    local whole = i <= tier and holds[i] + repeated or holds[i]
    if i <= tier then seconds = max(seconds, whole) end
    -- Above its tier a client has a `since` only if it was forgotten.
    if since[i] > 0 then seconds = max(seconds, since[i] + whole - now) end
  end
  local returned = since[lines + 1]
  if returned > 0 then seconds = max(seconds, returned + repeated - now) end
  return seconds
end

-- The same by tier and standing, which most clients of a batch have in common; as text, or Redis formats a number for
-- each.
local kept = setmetatable({}, { __index = function(tiers, tier)
  tiers[tier] = setmetatable({}, { __index = function(known, standing)
    known[standing] = string.format('%d', seconds_for(tier, standing))
    return known[standing]
  end })
  return tiers[tier]
end })

-- The record with what stands at `at` in the payload, and how long to keep it; nothing if that adds nothing.
local function add(record, at)
  local count, seen, observed_age = byte(payload, at, at + 2)
  if count + seen == 0 then return nil end
  at = at + 3
  if not record or #record < 8 then record = nobody end
  local had, tier, a, b, c, d, hits, buckets = byte(record, 1, 8)
  if #record ~= 12 + 4 * had + 3 * hits + width * buckets then
    record, had, tier, a, b, c, d, hits = nobody, lines, NO_TIER, 0, 0, 0, 0, 0
  end
  local was, from, to = a + 2 ^ 8 * b + 2 ^ 16 * c + 2 ^ 24 * d, 13 + 4 * had, #record
  local from_bucket = from + 3 * hits
  local standing = no_times
  if had == lines then standing = sub(record, 9, from - 1) else tier = NO_TIER end
  local last, last_bucket, was_bucket = now, bucket_of[now], bucket_of[was]
  if was > now + WINDOW then from, from_bucket = to + 1, to + 1
  elseif was > now then last, last_bucket = was, was_bucket end
  -- Entries were written relative to the old `last`; what the window cannot see is cut off first, because a byte
  -- says when only within 256 seconds.
  local to_hit, most = from_bucket - 1, was - oldest
  while from < to_hit and (was - byte(record, from)) % 256 > most do from = from + 3 end
  most = was_bucket - first_bucket
  while from_bucket < to and (was_bucket - byte(record, from_bucket)) % 256 > most do
    from_bucket = from_bucket + width
  end

  local source, before, hit, behind = record, nil, '', ''
  for _ = 1, count do
    local age, low, high = byte(payload, at, at + 2)
    local second = reported - age
    at = at + 3
    if second >= oldest then
      if before then
        source = before .. hit .. behind
        from, to_hit = 1, #source
      end
      before, hit, behind = add_hits(source, from, to_hit, last, second, low + 256 * high)
    end
  end
  before = before or sub(record, from, to_hit)
  hits = (#before + #hit + #behind) / 3

  local earlier, bucket, later
  local id = bucket_of[reported - observed_age]
  if seen > 0 and id >= first_bucket then
    earlier, bucket, later = add_observed(record, from_bucket, to, last_bucket, id, seen, at)
  else earlier, bucket, later = sub(record, from_bucket, to), '', '' end
  buckets = (#earlier + #bucket + #later) / width
  record = two[lines + 256 * tier] .. (last == now and now_written or write('<I4', last)) .. two[hits + 256 * buckets]
    .. standing .. before .. hit .. behind .. earlier .. bucket .. later
  return record, kept[tier][standing]
end

-- The payload, client by client: how many bytes follow the key, the key, what is added.
local keys, from, position = {}, {}, 1
local clients, length, before_key = 0, #payload, prefix .. ':c:' .. ARGV[8] .. ':'
while position <= length do
  local bytes, key, at = read('<I2Bc0', payload, position)
  clients = clients + 1
  keys[clients], from[clients] = before_key .. key, at
  position = at + bytes
end

-- Joins strings by 32, and what comes of it again: so each byte of 512 clients is hashed twice, by table.concat five
-- times.
local function join(p, n)
  repeat
    for i = n + 1, n + 31 do p[i] = '' end
    local joined = 0
    for i = 1, n, 32 do
      joined = joined + 1
      p[joined] = p[i] .. p[i + 1] .. p[i + 2] .. p[i + 3] .. p[i + 4] .. p[i + 5] .. p[i + 6] .. p[i + 7]
        .. p[i + 8] .. p[i + 9] .. p[i + 10] .. p[i + 11] .. p[i + 12] .. p[i + 13] .. p[i + 14] .. p[i + 15]
        .. p[i + 16] .. p[i + 17] .. p[i + 18] .. p[i + 19] .. p[i + 20] .. p[i + 21] .. p[i + 22] .. p[i + 23]
        .. p[i + 24] .. p[i + 25] .. p[i + 26] .. p[i + 27] .. p[i + 28] .. p[i + 29] .. p[i + 30] .. p[i + 31]
    end
    n = joined
  until n <= 1
  return p[1]
end

local latest, reply = {}, {}
for start = 1, clients, 1000 do
  local stop = min(start + 999, clients)
  local part = call('MGET', unpack(keys, start, stop))
  for i = start, stop do
    local key = keys[i]
    local record = latest[key] or part[i - start + 1] or nil
    if counting then
      local added, seconds = add(record, from[i])
      if added then
        call('SETEX', key, seconds, added)
        record, latest[key] = added, added -- a client may come twice in a batch
      end
    end
    record = record or ''
    if #record > MAX16 then error(key .. ' is too long for a record') end
    reply[2 * i - 1], reply[2 * i] = two[#record], record
  end
end

local gateways = prefix .. ':gateways'
local ms = now * 1000 + math.floor(micros / 1000)
if mode == 'count' and ARGV[4] ~= '' then
  call('ZADD', gateways, ms, ARGV[4])
  call('ZREMRANGEBYSCORE', gateways, '-inf', ms - ALIVE_MS)
  call('EXPIRE', gateways, 60)
end
local alive = call('ZCOUNT', gateways, '(' .. (ms - ALIVE_MS), '+inf')
local generation = tonumber(call('GET', prefix .. ':generation') or 0)
-- Read only when something changes: without this an allkeys-lru Redis would take them for unused.
call('TOUCH', prefix .. ':pins', prefix .. ':changes', prefix .. ':complete')

return { now, micros, (counting or mode ~= 'count') and 1 or 0, alive, generation, join(reply, 2 * clients) }
