-- A post's thread: the post itself and what it replies to (up to a height), and replies under it (down to a depth),
-- newest first. Depths also end threads that records tie into circles.
-- $1 key, $2 actor, $3 most ancestors, $4 most levels of replies
WITH RECURSIVE up AS (
    SELECT rkey, actor, parent_key, parent_actor, root_key, root_actor, 0 AS height FROM post WHERE rkey = $1 AND actor = $2
    UNION ALL
    SELECT p.rkey, p.actor, p.parent_key, p.parent_actor, NULL, NULL, up.height + 1
    FROM up JOIN post p ON p.rkey = up.parent_key AND p.actor = up.parent_actor
    WHERE up.height < $3::integer
), down AS (
    SELECT rkey, actor, sort_at, 1 AS depth FROM post WHERE parent_key = $1 AND parent_actor = $2 AND $4::integer >= 1
    UNION ALL
    SELECT p.rkey, p.actor, p.sort_at, down.depth + 1
    FROM down JOIN post p ON p.parent_key = down.rkey AND p.parent_actor = down.actor
    WHERE down.depth < $4
)
SELECT rkey, actor, true AS above, NULL::bigint AS sort_at, root_key, root_actor, height, parent_key,
    parent_actor
FROM up
UNION ALL
SELECT rkey, actor, false, sort_at, NULL, NULL, NULL, NULL, NULL FROM down
ORDER BY above DESC, height, sort_at DESC, rkey DESC;
