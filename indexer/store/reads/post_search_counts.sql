-- How much attention posts ($1 keys, $2 accounts) got.
SELECT g.key, g.actor, c.likes + 2 * c.reposts + c.replies + 2 * c.quotes AS attention
FROM unnest($1::bigint[], $2::bigint[]) AS g (key, actor)
JOIN post_count c ON c.key = g.key AND c.actor = g.actor;
