-- Posts and reposts by their keys, those that (still) exist: what a cached timeline's members stand for.
-- $1, $2 keys and authors of posts; $3, $4 keys and accounts of reposts
SELECT p.sort_at, p.rkey, p.actor, p.cid, NULL::bigint AS repost_rkey, NULL::bigint AS repost_actor,
    NULL::bigint AS created_at, NULL::text AS did, NULL::bigint AS via_key, NULL::text AS via_did, NULL::bytea AS via_cid,
    NULL::bytea AS subject_cid, NULL::bytea AS extra
FROM unnest($1::bigint[], $2::bigint[]) AS k (rkey, actor)
JOIN post p ON p.rkey = k.rkey AND p.actor = k.actor
UNION ALL
SELECT r.sort_at, r.subject_key, r.subject_actor, NULL, r.rkey, r.actor,
    r.created_at, s.did, r.via_key, v.did, r.via_cid, coalesce(r.subject_cid, p.cid), r.extra
FROM unnest($3::bigint[], $4::bigint[]) AS k (rkey, actor)
JOIN reposts r ON r.rkey = k.rkey AND r.actor = k.actor
JOIN post p ON p.rkey = r.subject_key AND p.actor = r.subject_actor
JOIN actor s ON s.id = r.subject_actor
LEFT JOIN actor v ON v.id = r.via_actor;
