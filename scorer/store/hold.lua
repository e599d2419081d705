-- Writes tiers into the heads of records (layout: record.ts) and makes the records live as long as the hold.
-- KEYS[1] prefix · ARGV 1 vocabulary · 2 lines
--   then per client: key, head found, head to write (each: tier u8, since u32 per line, returned u32), seconds
-- A record that is gone meanwhile (flushed, evicted) comes back with its tier alone. What stands where somebody else
-- has written a tier since the judgement looked is said at hold() in store.ts.
local lines = tonumber(ARGV[2])
local layout = '<B' .. string.rep('I4', lines + 1)

local function worse(a, b)
  local x, y, all = { struct.unpack(layout, a) }, { struct.unpack(layout, b) }, {}
  for i = 1, lines + 2 do all[i] = math.max(x[i], y[i]) end
  return struct.pack(layout, unpack(all))
end

-- Best tier with a `since`: forgotten at that second (standing.ts).
local function forgotten(head)
  return string.byte(head) == 0 and string.find(string.sub(head, 1, 1 + 4 * lines), '[^%z]') ~= nil
end

-- Whether a judgement saw something that the one which it found had not seen.
local function offended(top, found)
  local x, y = { struct.unpack(layout, top) }, { struct.unpack(layout, found) }
  for i = 2, lines + 1 do
    if x[i] > y[i] then return true end
  end
  return false
end

local function stands(now, found, top)
  if forgotten(now) then return true end
  local better = string.byte(found) ~= 255 and string.byte(now) < string.byte(found)
  return better and not offended(top, found)
end

for i = 3, #ARGV, 4 do
  local key, found, top = KEYS[1] .. ':c:' .. ARGV[1] .. ':' .. ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local seconds = tonumber(ARGV[i + 3])
  local record = redis.call('GET', key)
  local had = record and #record >= 8 and string.byte(record) or nil
  local middle, rest, now = string.rep('\0', 6), '', nil
  if had and #record >= 12 + 4 * had then
    middle, rest = string.sub(record, 3, 8), string.sub(record, 13 + 4 * had)
    if had == lines and string.byte(record, 2) ~= 255 then
      now = string.sub(record, 2, 2) .. string.sub(record, 9, 12 + 4 * had)
    end
  end
  if now and (now == found or forgotten(now) and forgotten(found)) then now = nil end
  if not now or not stands(now, found, top) then
    if now then top, seconds = worse(now, top), math.max(seconds, redis.call('TTL', key)) end
    record = string.char(lines) .. string.sub(top, 1, 1) .. middle .. string.sub(top, 2) .. rest
    redis.call('SET', key, record, 'EX', seconds)
  end
end
return 0
