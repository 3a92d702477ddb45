-- The counts of posts, of those that have any.
-- $1 keys bigint[], $2 actors bigint[] (parallel)
SELECT c.key, c.actor, c.likes, c.reposts, c.replies, c.quotes
FROM unnest($1::bigint[], $2::bigint[]) AS k (key, actor)
JOIN post_count c ON c.key = k.key AND c.actor = k.actor;
