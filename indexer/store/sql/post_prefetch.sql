-- Those of the batch's new posts about which something is stored: the path itself, replies to it, or the rare keys (null: there is none)
-- under which its thread's gate and its quote's gate would stand, where its root's and its quote's keys are rare ones.
SELECT * FROM (
    SELECT n & 16777215 AS place,
        (SELECT true FROM post t WHERE t.rkey = s.rkey AND t.actor BETWEEN s.actor AND s.actor LIMIT 1) IS NOT NULL AS stored,
        (SELECT true FROM post t WHERE t.parent_key = s.rkey AND t.parent_actor = s.actor LIMIT 1) IS NOT NULL AS has_replies,
        CASE WHEN root_key < 0 THEN (
            SELECT g.id FROM rare_key k JOIN rare_key g ON g.path = 'app.bsky.feed.threadgate/' || split_part(k.path, '/', 2)
            WHERE k.id = s.root_key) END AS thread_gate_key,
        CASE WHEN quote_key < 0 THEN (
            SELECT g.id FROM rare_key k JOIN rare_key g ON g.path = 'app.bsky.feed.postgate/' || split_part(k.path, '/', 2)
            WHERE k.id = s.quote_key) END AS post_gate_key
    FROM stage_post s OFFSET 0) p
WHERE stored OR has_replies OR thread_gate_key IS NOT NULL OR post_gate_key IS NOT NULL
