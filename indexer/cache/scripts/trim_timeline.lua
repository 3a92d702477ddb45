-- Cuts a timeline to its newest entries and raises its floor to the oldest entry that stays.
-- KEYS[1] the timeline
-- ARGV[1] the floor member  ARGV[2] how many entries stay
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  return 0
end
redis.call('ZREM', KEYS[1], ARGV[1])
local cut = redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - ARGV[2])
local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
-- entries of the same instant may have been cut: complete is only what is younger
redis.call('ZADD', KEYS[1], tonumber(oldest[2]) + 1, ARGV[1])
return cut
