-- The stored posts below those of ($1 keys, $2 accounts), four levels of them, each once.
WITH RECURSIVE down AS (
    SELECT p.rkey, p.actor, p.parent_key, p.parent_actor, p.root_key, p.root_actor, p.flags, p.sort_at, 1 AS depth
    FROM unnest($1::bigint[], $2::bigint[]) AS s (key, actor) JOIN post p ON p.parent_key = s.key AND p.parent_actor = s.actor
    UNION
    SELECT p.rkey, p.actor, p.parent_key, p.parent_actor, p.root_key, p.root_actor, p.flags, p.sort_at, down.depth + 1
    FROM down JOIN post p ON p.parent_key = down.rkey AND p.parent_actor = down.actor WHERE down.depth < 4
)
SELECT DISTINCT ON (rkey, actor) rkey, actor, sort_at, parent_key, parent_actor, root_key, root_actor, flags FROM down
