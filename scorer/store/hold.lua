-- Writes tiers into the heads of records (layout: record.ts) and makes the records live as long as the hold.
-- KEYS[1] prefix · ARGV 1 vocabulary · 2 lines · then per client: key, head (tier u8, since u32 per line), seconds
-- A record that is gone meanwhile (flushed, evicted) comes back with its tier alone.
local lines = tonumber(ARGV[2])
for i = 3, #ARGV, 3 do
  local key, tier = KEYS[1] .. ':c:' .. ARGV[1] .. ':' .. ARGV[i], ARGV[i + 1]
  local record = redis.call('GET', key)
  local had = record and #record >= 8 and string.byte(record) or nil
  local middle, rest = string.rep('\0', 6), ''
  if had and #record >= 8 + 4 * had then
    middle, rest = string.sub(record, 3, 8), string.sub(record, 9 + 4 * had)
  end
  record = string.char(lines) .. string.sub(tier, 1, 1) .. middle .. string.sub(tier, 2) .. rest
  redis.call('SET', key, record, 'EX', ARGV[i + 2])
end
return 0
