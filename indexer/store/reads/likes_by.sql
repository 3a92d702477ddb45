-- Likes by an account, newest first, with every like of the last one's time. The index orders them by day.
-- $1 actor, $2 no later than (ms), $3 at least this many if there are
SELECT e.sort_at, e.rkey AS edge_rkey, e.actor AS edge_actor, e.subject_key AS rkey, e.subject_actor AS actor, s.did,
    e.created_at, e.via_key, v.did AS via_did, e.via_cid, coalesce(e.subject_cid, p.cid) AS subject_cid, e.extra
FROM (
    SELECT *, least(created_at, indexed_at) AS sort_at
    FROM "like" e
    WHERE e.actor = $1 AND (least(created_at, indexed_at) / 86400000)::integer <= ($2::bigint / 86400000) AND least(created_at, indexed_at) <= $2
    ORDER BY (least(created_at, indexed_at) / 86400000)::integer DESC, least(created_at, indexed_at) DESC
    FETCH FIRST $3 ROWS WITH TIES
) AS e
JOIN actor s ON s.id = e.subject_actor
LEFT JOIN actor v ON v.id = e.via_actor
LEFT JOIN post p ON p.rkey = e.subject_key AND p.actor = e.subject_actor AND e.subject_cid IS NULL;
