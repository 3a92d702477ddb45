-- The posts that these reposts are of, which need not exist.
-- $1 keys bigint[], $2 accounts bigint[] (parallel)
SELECT r.rkey, r.actor, r.subject_key, r.subject_actor
FROM unnest($1::bigint[], $2::bigint[]) AS k (rkey, actor)
JOIN repost r ON r.rkey = k.rkey AND r.actor = k.actor;
