-- Records of the kinds that have no table of their own, with the likes that they got and the viewer's like.
-- $1 kinds smallint[], $2 keys bigint[], $3 actors bigint[] (parallel), $4 the same keys as a like names them bigint[]
-- (null: none), $5 viewer bigint or null
SELECT r.kind, r.key, r.actor, r.cid, r.created_at, r.indexed_at, r.record, coalesce(c.likes, 0) AS likes,
    CASE WHEN $5::bigint IS NOT NULL THEN
        (SELECT l.rkey FROM "like" l WHERE l.subject_key = k.like_key AND l.subject_actor = k.actor AND l.actor = $5)
    END AS viewer_like
FROM unnest($1::smallint[], $2::bigint[], $3::bigint[], $4::bigint[]) AS k (kind, key, actor, like_key)
JOIN record r ON r.actor = k.actor AND r.kind = k.kind AND r.key = k.key
LEFT JOIN post_count c ON c.key = k.like_key AND c.actor = k.actor;
