-- The batch's new posts in stream order, with what decides which further reads they need: whether the path is stored already, whether
-- replies to it are, and under which key its thread's gate and its quote's gate stand (null: there is none stored).
SELECT n & 16777215 AS place, rkey, actor, sort_at, parent_key, parent_actor, root_key, root_actor, quote_key, quote_actor, flags, is_update,
    (SELECT true FROM post t WHERE t.rkey = s.rkey AND t.actor BETWEEN s.actor AND s.actor LIMIT 1) IS NOT NULL AS stored,
    (SELECT true FROM post t WHERE t.parent_key = s.rkey AND t.parent_actor = s.actor LIMIT 1) IS NOT NULL AS has_replies,
    CASE WHEN root_key > 0 THEN root_key WHEN root_key < 0 THEN (
        SELECT g.id FROM rare_key k JOIN rare_key g ON g.path = 'app.bsky.feed.threadgate/' || split_part(k.path, '/', 2)
        WHERE k.id = s.root_key) END AS thread_gate_key,
    CASE WHEN quote_key > 0 THEN quote_key WHEN quote_key < 0 THEN (
        SELECT g.id FROM rare_key k JOIN rare_key g ON g.path = 'app.bsky.feed.postgate/' || split_part(k.path, '/', 2)
        WHERE k.id = s.quote_key) END AS post_gate_key
FROM stage_post s ORDER BY n & 16777215
