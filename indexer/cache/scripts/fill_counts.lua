-- Stores counts that a reader has read from Postgres where its claim still stands: a newer value has taken the claim's place otherwise.
-- KEYS the sorted sets
-- ARGV[1] the claim  ARGV[2..] for each sorted set: how many members, then member, value, member, value, ...
local at = 2
for _, name in ipairs(KEYS) do
  local last = at + 2 * tonumber(ARGV[at])
  for i = at + 1, last, 2 do
    local score = redis.call('ZSCORE', name, ARGV[i])
    if score and tonumber(score) == tonumber(ARGV[1]) then
      redis.call('ZADD', name, 'XX', ARGV[i + 1], ARGV[i])
    end
  end
  at = last + 1
end
