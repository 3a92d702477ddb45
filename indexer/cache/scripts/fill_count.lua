-- Stores a count that a reader has read from Postgres, if its claim still stands: a newer value has replaced the claim otherwise.
-- KEYS[1] the sorted set
-- ARGV[1] the claim (a negative score)  ARGV[2] seconds to live  ARGV[3..] member, value, member, value, ...
local stored = 0
for i = 3, #ARGV, 2 do
  local score = redis.call('ZSCORE', KEYS[1], ARGV[i])
  if score and tonumber(score) == tonumber(ARGV[1]) then
    redis.call('ZADD', KEYS[1], ARGV[i + 1], ARGV[i])
    stored = stored + 1
  end
end
if stored > 0 and redis.call('TTL', KEYS[1]) < 0 then
  redis.call('EXPIRE', KEYS[1], ARGV[2])
end
return stored
