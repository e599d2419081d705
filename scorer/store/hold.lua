-- Writes tiers into the heads of records (layout: record.ts) and makes the records live as long as the hold.
-- KEYS[1] prefix · ARGV 1 vocabulary · 2 lines
--   then per client: key, head found, head to write (each: tier u8, since u32 per line), seconds
-- A record that is gone meanwhile (flushed, evicted) comes back with its tier alone. One whose tier somebody else has
-- written meanwhile gets the worse of both, or keeps a better one: what hold() of store.ts says.
local lines = tonumber(ARGV[2])
local layout = '<B' .. string.rep('I4', lines)

local function worse(a, b)
  local x, y, all = { struct.unpack(layout, a) }, { struct.unpack(layout, b) }, {}
  for i = 1, lines + 1 do all[i] = math.max(x[i], y[i]) end
  return struct.pack(layout, unpack(all))
end

for i = 3, #ARGV, 4 do
  local key, found, top = KEYS[1] .. ':c:' .. ARGV[1] .. ':' .. ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local seconds = tonumber(ARGV[i + 3])
  local record = redis.call('GET', key)
  local had = record and #record >= 8 and string.byte(record) or nil
  local middle, rest, now = string.rep('\0', 6), '', nil
  if had and #record >= 8 + 4 * had then
    middle, rest = string.sub(record, 3, 8), string.sub(record, 9 + 4 * had)
    if had == lines and string.byte(record, 2) ~= 255 then
      now = string.sub(record, 2, 2) .. string.sub(record, 9, 8 + 4 * had)
    end
  end
  local better = now and now ~= found and string.byte(found) ~= 255 and string.byte(now) < string.byte(found)
  if not better then
    if now and now ~= found then
      top, seconds = worse(now, top), math.max(seconds, redis.call('TTL', key))
    end
    record = string.char(lines) .. string.sub(top, 1, 1) .. middle .. string.sub(top, 2) .. rest
    redis.call('SET', key, record, 'EX', seconds)
  end
end
return 0
