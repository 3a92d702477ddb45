-- How the author of a thread's first post goes on under it: at each step the author's first reply to the one before.
-- $1 key, $2 actor of the first post, $3 most steps
WITH RECURSIVE chain AS (
    SELECT $1::bigint AS rkey, 0 AS step
    UNION ALL
    SELECT n.rkey, chain.step + 1
    FROM chain
    CROSS JOIN LATERAL (
        SELECT p.rkey FROM post p
        WHERE p.parent_key = chain.rkey AND p.parent_actor = $2 AND p.actor = $2 AND p.root_key = $1 AND p.root_actor = $2
        ORDER BY p.rkey
        LIMIT 1
    ) AS n
    WHERE chain.step < $3::integer
)
SELECT rkey FROM chain ORDER BY step;
