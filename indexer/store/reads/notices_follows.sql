-- Follows of an account that it is told about, newest first, with every one of the last one's time.
-- $1 account, $2 earlier than (ms), $3 at least this many if there are, $4 only by those whom the account follows
SELECT e.sort_at, e.rkey AS edge_rkey, e.actor AS edge_actor, 0::bigint AS rkey, e.subject_actor AS actor, s.did,
    e.created_at, e.via_key, v.did AS via_did, e.via_cid, NULL::bytea AS subject_cid, e.extra
FROM (
    SELECT *
    FROM follows e
    WHERE e.subject_actor = $1 AND e.quiet IS NULL AND sort_at < $2
        AND (NOT $4::boolean OR EXISTS (SELECT FROM follow f WHERE f.actor = $1 AND f.subject_actor = e.actor))
    ORDER BY sort_at DESC
    FETCH FIRST $3 ROWS WITH TIES
) AS e
JOIN actor s ON s.id = e.subject_actor
LEFT JOIN actor v ON v.id = e.via_actor;
