-- The records of the posts ($1 keys, $2 accounts).
SELECT p.rkey, p.actor, p.record FROM unnest($1::bigint[], $2::bigint[]) AS s (key, actor)
JOIN post p ON p.rkey = s.key AND p.actor = s.actor
