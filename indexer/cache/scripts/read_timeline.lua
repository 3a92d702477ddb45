-- Reads a page of a timeline, and keeps the timeline from expiring.
-- KEYS[1] the timeline
-- ARGV[1] the floor member  ARGV[2] from this score down  ARGV[3] how many  ARGV[4] seconds to live
-- Gives the floor, whether more follows above it (1 or 0), the score of the last item, and the items' members in one text; nothing
-- for a timeline that is not cached.
local floor = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not floor then
  return false
end
redis.call('EXPIRE', KEYS[1], ARGV[4])
local found = redis.call('ZREVRANGEBYSCORE', KEYS[1], ARGV[2], floor, 'WITHSCORES', 'LIMIT', 0, ARGV[3])
local members, oldest = {}, floor
for i = 1, #found, 2 do
  if found[i] ~= ARGV[1] then
    members[#members + 1] = found[i]
    oldest = found[i + 1]
  end
end
return {floor, #found == 2 * tonumber(ARGV[3]) and 1 or 0, oldest, table.concat(members)}
