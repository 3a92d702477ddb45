-- Adds an item to timelines, or takes it out, and cuts the timelines that have become too long.
-- KEYS the timelines
-- ARGV[1] the item  ARGV[2] its score; empty: take it out  ARGV[3] the floor member  ARGV[4] items that stay of a timeline that is cut
-- ARGV[5] items above which it is cut
local item, score, floor, most = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[5])
for _, name in ipairs(KEYS) do
  if score == '' then
    redis.call('ZREM', name, item)
  else
    redis.call('ZADD', name, score, item)
    if redis.call('ZCARD', name) > most + 1 and redis.call('ZSCORE', name, floor) then
      redis.call('ZREM', name, floor)
      redis.call('ZREMRANGEBYRANK', name, 0, -1 - ARGV[4])
      local oldest = redis.call('ZRANGE', name, 0, 0, 'WITHSCORES')
      -- items of the same instant may have been cut: complete is only what is younger
      redis.call('ZADD', name, tonumber(oldest[2]) + 1, floor)
    end
  end
end
