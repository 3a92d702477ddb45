-- Follows by their own keys.
-- $1 keys bigint[], $2 actors bigint[] (parallel)
SELECT e.sort_at, e.rkey AS edge_rkey, e.actor AS edge_actor, 0::bigint AS rkey,
    e.subject_actor AS actor, s.did, e.created_at, e.via_key, v.did AS via_did, e.via_cid, NULL::bytea AS subject_cid,
    e.extra
FROM unnest($1::bigint[], $2::bigint[]) AS k (rkey, actor)
JOIN follows e ON e.rkey = k.rkey AND e.actor = k.actor
JOIN actor s ON s.id = e.subject_actor
LEFT JOIN actor v ON v.id = e.via_actor;
