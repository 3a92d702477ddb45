-- Blocks by an account, newest first, with every block of the last one's time.
-- $1 account, $2 no later than (ms), $3 at least this many if there are
SELECT e.sort_at, e.rkey AS edge_rkey, e.actor AS edge_actor, 0::bigint AS rkey, e.subject_actor AS actor, s.did,
    e.created_at, NULL::bigint AS via_key, NULL::text AS via_did, NULL::bytea AS via_cid, NULL::bytea AS subject_cid, e.extra
FROM (
    SELECT *, least(created_at, indexed_at) AS sort_at
    FROM block
    WHERE actor = $1 AND least(created_at, indexed_at) <= $2
    ORDER BY least(created_at, indexed_at) DESC
    FETCH FIRST $3 ROWS WITH TIES
) AS e
JOIN actor s ON s.id = e.subject_actor;
