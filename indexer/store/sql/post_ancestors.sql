-- The stored posts above the batch's new replies, four levels of them, each once.
WITH RECURSIVE up AS (
    SELECT p.rkey, p.actor, p.parent_key, p.parent_actor, p.root_key, p.root_actor, p.flags, p.sort_at, 1 AS height
    FROM (SELECT DISTINCT parent_key, parent_actor FROM stage_post WHERE parent_key IS NOT NULL) s
    JOIN post p ON p.rkey = s.parent_key AND p.actor = s.parent_actor
    UNION
    SELECT p.rkey, p.actor, p.parent_key, p.parent_actor, p.root_key, p.root_actor, p.flags, p.sort_at, up.height + 1
    FROM up JOIN post p ON p.rkey = up.parent_key AND p.actor = up.parent_actor WHERE up.height < 4
)
SELECT DISTINCT ON (rkey, actor) rkey, actor, sort_at, parent_key, parent_actor, root_key, root_actor, flags FROM up
