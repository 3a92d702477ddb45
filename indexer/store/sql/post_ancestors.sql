-- The stored posts above the batch's new replies, four levels of them, each once. (Found as in subject_edge_insert.sql.)
WITH RECURSIVE up AS (
    SELECT p.*, 1 AS height
    FROM (SELECT DISTINCT parent_key, parent_actor FROM stage_post WHERE parent_key IS NOT NULL) s CROSS JOIN LATERAL (
        SELECT rkey, actor, sort_at, parent_key, parent_actor, root_key, root_actor, flags FROM post p
        WHERE p.rkey = s.parent_key AND p.actor BETWEEN s.parent_actor AND s.parent_actor LIMIT 1) p
    UNION
    SELECT p.*, up.height + 1
    FROM up CROSS JOIN LATERAL (
        SELECT rkey, actor, sort_at, parent_key, parent_actor, root_key, root_actor, flags FROM post p
        WHERE p.rkey = up.parent_key AND p.actor BETWEEN up.parent_actor AND up.parent_actor LIMIT 1) p
    WHERE up.height < 4
)
SELECT DISTINCT ON (rkey, actor) rkey, actor, sort_at, parent_key, parent_actor, root_key, root_actor, flags FROM up
