-- Records of one kind by one account, newest first, with every one of the last one's time.
-- $1 account, $2 kind, $3 no later than (ms), $4 at least this many if there are, $5 by creation alone (else by the earlier
-- of creation and indexing)
SELECT kind, key, actor, cid, sort_at
FROM (
    SELECT kind, key, actor, cid,
        CASE WHEN $5::boolean THEN coalesce(created_at, indexed_at) ELSE least(created_at, indexed_at) END AS sort_at
    FROM record
    WHERE actor = $1 AND kind = $2
) AS r
WHERE sort_at <= $3
ORDER BY sort_at DESC
FETCH FIRST $4 ROWS WITH TIES;
