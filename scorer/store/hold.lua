-- Writes tiers into the heads of records (layout: record.ts) and makes the records live as long as the hold.
-- KEYS[1] prefix · ARGV 1 vocabulary · 2 lines · 3 per client: key, standing found, standing to write, seconds (payload.ts)
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

local prefix, payload, width = KEYS[1] .. ':c:' .. ARGV[1] .. ':', ARGV[3], 5 + 4 * lines
local byte, sub = string.byte, string.sub
local ours, no_window = string.char(lines), string.rep('\0', 6)
local at = 1
while at <= #payload do
  local length = byte(payload, at)
  local key = prefix .. sub(payload, at + 1, at + length)
  at = at + 1 + length
  local found, top = sub(payload, at, at + width - 1), sub(payload, at + width, at + 2 * width - 1)
  local seconds = struct.unpack('<I4', payload, at + 2 * width)
  at = at + 2 * width + 4
  local record = redis.call('GET', key)
  local had = record and #record >= 8 and byte(record) or nil
  local middle, rest, now = no_window, '', nil
  if had and #record >= 12 + 4 * had then
    middle, rest = sub(record, 3, 8), sub(record, 13 + 4 * had)
    if had == lines and byte(record, 2) ~= 255 then
      now = sub(record, 2, 2) .. sub(record, 9, 12 + 4 * had)
    end
  end
  if now and (now == found or forgotten(now) and forgotten(found)) then now = nil end
  if not now or not stands(now, found, top) then
    if now then top, seconds = worse(now, top), math.max(seconds, redis.call('TTL', key)) end
    record = ours .. sub(top, 1, 1) .. middle .. sub(top, 2) .. rest
    redis.call('SETEX', key, seconds, record)
  end
end
return 0
