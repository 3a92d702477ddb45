-- Lists that an account blocks, newest list first, with every one of the last one's time.
-- $1 account, $2 no later than (ms), $3 at least this many if there are
SELECT r.kind, r.key, r.actor, r.cid, coalesce(r.created_at, r.indexed_at) AS sort_at
FROM list_block l
JOIN record r ON r.actor = l.list_actor AND r.kind = 10 AND r.key = l.list_key
WHERE l.actor = $1 AND coalesce(r.created_at, r.indexed_at) <= $2
ORDER BY sort_at DESC
FETCH FIRST $3 ROWS WITH TIES;
