-- What the posts ($1 keys, $2 accounts) are now.
SELECT p.rkey, p.actor, p.sort_at, p.record
FROM (SELECT DISTINCT * FROM unnest($1::bigint[], $2::bigint[]) AS g (rkey, actor)) AS g
JOIN post p ON p.rkey = g.rkey AND p.actor = g.actor
