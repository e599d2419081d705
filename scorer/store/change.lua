-- Raises the generation and applies changes: each is a pin, an unpin or a forgotten client.
-- KEYS[1] prefix · ARGV 1 least generation · 2 how many changes to keep · then per change: operation, client, tier
-- Operations: "pin", "unpin", "forget" (only noted here: records may be in other shards), "restore" (a pin that was in
-- force before Redis lost it: no change to tell anyone).
-- Returns the new generation.
local generation, kept, pins = KEYS[1] .. ':generation', KEYS[1] .. ':changes', KEYS[1] .. ':pins'
local before = tonumber(redis.call('GET', generation) or 0)
local now = math.max(before + 1, tonumber(ARGV[1]))
redis.call('SET', generation, string.format('%.0f', now))
-- Who holds this generation or a later one has missed nothing that is not in the list.
redis.call('SETNX', KEYS[1] .. ':complete', string.format('%.0f', now))
for i = 3, #ARGV, 3 do
  local operation, client, tier = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  if operation == 'unpin' then
    redis.call('HDEL', pins, client)
  elseif operation ~= 'forget' then
    redis.call('HSET', pins, client, tier)
  end
  if operation ~= 'restore' then
    redis.call('RPUSH', kept, string.format('%.0f', now) .. ' ' .. operation .. ' ' .. client .. ' ' .. tier)
  end
end
while redis.call('LLEN', kept) > tonumber(ARGV[2]) do
  -- Whoever holds the generation of the entry that goes may have missed the rest of that generation.
  local gone = redis.call('LPOP', kept)
  redis.call('SET', KEYS[1] .. ':complete', string.match(gone, '^%d+'))
end
return string.format('%.0f', now)
