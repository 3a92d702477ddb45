-- Follows of an account by accounts that exist, newest first, with every follow of the last one's time.
-- $1 actor, $2 no later than (ms), $3 at least this many if there are
SELECT e.sort_at, e.rkey AS edge_rkey, e.actor AS edge_actor, 0::bigint AS rkey, e.subject_actor AS actor, s.did,
    e.created_at, e.via_key, v.did AS via_did, e.via_cid, NULL::bytea AS subject_cid, e.extra
FROM (
    SELECT *
    FROM follows e
    WHERE e.subject_actor = $1 AND sort_at <= $2
        AND EXISTS (SELECT FROM actor a WHERE a.id = e.actor AND a.indexed_at IS NOT NULL)
    ORDER BY sort_at DESC
    FETCH FIRST $3 ROWS WITH TIES
) AS e
JOIN actor s ON s.id = e.subject_actor
LEFT JOIN actor v ON v.id = e.via_actor;
