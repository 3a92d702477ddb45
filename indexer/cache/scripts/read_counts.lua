-- Reads the counts of a page, and claims those that are missing, so that the reader may fill them from Postgres.
-- KEYS[1] the epoch  KEYS[2] counts-kept  KEYS[3] counts-wanted  KEYS[4..] the sorted sets, bucket by bucket
-- ARGV[1] the epoch and ARGV[2] the generation that the names stand for  ARGV[3] milliseconds that the epoch must still have
-- ARGV[4] the claim (minus the time in ms, made unique)  ARGV[5] claims older (greater) than this are void
-- ARGV[6] seconds for which counts are wanted  ARGV[7] seconds for which a bucket stays
-- ARGV[8..] for each bucket: its number of sorted sets, the bytes of a member, the members in one text
-- Gives the epoch and the generation, each '' if there is none to be believed; where they are those that the names stand for, then
-- for each sorted set the counts of its members, -1 for what is missing.
local epoch = redis.call('GET', KEYS[1])
if not epoch or redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then
  return {'', ''}
end
if epoch ~= ARGV[1] then
  return {epoch, ''}
end
redis.call('SET', KEYS[3], 1, 'EX', ARGV[6])
local generation = redis.call('GET', KEYS[2])
if not generation or generation == '' then
  return {epoch, ''}
end
local answer = {epoch, generation}
if generation ~= ARGV[2] then
  return answer
end
local void, set = tonumber(ARGV[5]), 4
for part = 8, #ARGV, 3 do
  local size, text, members = tonumber(ARGV[part + 1]), ARGV[part + 2], {}
  for at = 1, #text, size do
    members[#members + 1] = string.sub(text, at, at + size - 1)
  end
  for _ = 1, tonumber(ARGV[part]) do
    local scores, claims = redis.call('ZMSCORE', KEYS[set], unpack(members)), {}
    for place, member in ipairs(members) do
      local score = scores[place] and tonumber(scores[place])
      if score and score >= 0 then
        answer[#answer + 1] = score
      else
        answer[#answer + 1] = -1
        if not score or score > void then
          claims[#claims + 1] = ARGV[4]
          claims[#claims + 1] = member
        end
      end
    end
    if #claims > 0 then
      redis.call('ZADD', KEYS[set], unpack(claims))
      if redis.call('TTL', KEYS[set]) < 0 then
        redis.call('EXPIRE', KEYS[set], ARGV[7])
      end
    end
    set = set + 1
  end
end
return answer
