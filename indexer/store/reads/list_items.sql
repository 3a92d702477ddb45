-- Posts by the members of a list, newest first, with every post of the last one's time.
-- $1 key, $2 actor of the list, $3 no later than (ms), $4 no earlier than (ms), $5 at least this many if there are in this
-- window, $6 members whose posts are left out bigint[]
SELECT p.sort_at, p.rkey, p.actor, p.cid
FROM list_item i
CROSS JOIN LATERAL (
    SELECT sort_at, rkey, actor, cid FROM post
    WHERE actor = i.subject_actor AND sort_at <= $3 AND sort_at >= $4
    ORDER BY sort_at DESC
    FETCH FIRST $5 ROWS WITH TIES
) AS p
WHERE i.list_key = $1 AND i.list_actor = $2 AND NOT i.subject_actor = ANY ($6::bigint[])
ORDER BY p.sort_at DESC
FETCH FIRST $5 ROWS WITH TIES;
