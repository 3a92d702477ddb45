-- Claims the counts that are missing, so that the claimer may fill them from Postgres.
-- KEYS[1] the sorted set
-- ARGV[1] the new claim (a negative score: minus the time in ms, made unique)  ARGV[2] claims older (greater) than this are void
-- ARGV[3..] members
local claimed = 0
for i = 3, #ARGV do
  local score = redis.call('ZSCORE', KEYS[1], ARGV[i])
  if not score or (tonumber(score) < 0 and tonumber(score) > tonumber(ARGV[2])) then
    redis.call('ZADD', KEYS[1], ARGV[1], ARGV[i])
    claimed = claimed + 1
  end
end
return claimed
