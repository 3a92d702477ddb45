-- Members of a list, latest added first, with every one of the last one's time.
-- $1 key, $2 actor of the list, $3 no later than (ms), $4 at least this many if there are
SELECT i.key, i.actor, i.subject_actor, least(i.created_at, i.indexed_at) AS sort_at, r.cid
FROM list_item i
JOIN record r ON r.actor = i.actor AND r.kind = 11 AND r.key = i.key
WHERE i.list_key = $1 AND i.list_actor = $2 AND least(i.created_at, i.indexed_at) <= $3
ORDER BY least(i.created_at, i.indexed_at) DESC
FETCH FIRST $4 ROWS WITH TIES;
