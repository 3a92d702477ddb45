-- Completes a timeline that the writer has read from Postgres. Items that fan-out added meanwhile stay.
-- KEYS[1] the timeline
-- ARGV[1] the floor member  ARGV[2] the floor (sort_at)  ARGV[3] seconds to live  ARGV[4..] score, member, score, member, ...
for first = 4, #ARGV, 2000 do
  redis.call('ZADD', KEYS[1], unpack(ARGV, first, math.min(first + 1999, #ARGV)))
end
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return redis.call('ZCARD', KEYS[1])
