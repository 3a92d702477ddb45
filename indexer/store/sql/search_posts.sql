-- What the posts ($1 keys, $2 accounts) are now. (LIMIT: a probe for each; + 0: by the key, never by the author, whatever
-- the planner believes of a table that was empty when it looked.)
SELECT g.rkey, g.actor, p.sort_at, p.record
FROM (SELECT DISTINCT * FROM unnest($1::bigint[], $2::bigint[]) AS g (rkey, actor)) AS g
CROSS JOIN LATERAL (
    SELECT sort_at, record FROM post WHERE post.rkey = g.rkey AND post.actor + 0 = g.actor LIMIT 1
) AS p
