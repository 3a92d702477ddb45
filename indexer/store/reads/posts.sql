-- Posts and what surrounds them, once each: the asked ones, the roots of all of these (for their gates), with $3 also
-- the parents of the asked ones, and what any of them quotes, two levels deep; each with its gates. Their counts: post_counts.sql.
-- $1 keys bigint[], $2 actors bigint[] (parallel), $3 with parents boolean
WITH asked AS MATERIALIZED (
    SELECT p.rkey, p.actor, p.parent_key, p.parent_actor, p.root_key, p.root_actor, p.quote_key, p.quote_actor
    FROM unnest($1::bigint[], $2::bigint[]) AS k (rkey, actor)
    JOIN post p ON p.rkey = k.rkey AND p.actor = k.actor
), above AS MATERIALIZED (
    SELECT p.rkey, p.actor, p.root_key, p.root_actor, p.quote_key, p.quote_actor
    FROM (
        SELECT root_key AS rkey, root_actor AS actor FROM asked WHERE root_key IS NOT NULL
        UNION
        SELECT parent_key, parent_actor FROM asked WHERE $3::boolean AND parent_key IS NOT NULL
    ) AS k
    JOIN post p ON p.rkey = k.rkey AND p.actor = k.actor
), quoted AS MATERIALIZED (
    SELECT p.rkey, p.actor, p.quote_key, p.quote_actor
    FROM (
        SELECT quote_key AS rkey, quote_actor AS actor FROM asked WHERE quote_key IS NOT NULL
        UNION
        SELECT quote_key, quote_actor FROM above WHERE quote_key IS NOT NULL
    ) AS k
    JOIN post p ON p.rkey = k.rkey AND p.actor = k.actor
), wanted AS (
    SELECT rkey, actor FROM asked
    UNION SELECT rkey, actor FROM above
    UNION SELECT root_key, root_actor FROM above WHERE root_key IS NOT NULL
    UNION SELECT rkey, actor FROM quoted
    UNION SELECT quote_key, quote_actor FROM quoted WHERE quote_key IS NOT NULL
)
SELECT p.rkey, p.actor, p.sort_at, p.indexed_at, p.parent_key, p.parent_actor, p.root_key, p.root_actor,
    p.quote_key, p.quote_actor, p.flags, p.cid, p.record,
    (SELECT count(*) FROM bookmark b WHERE b.subject_actor = p.actor AND b.subject_key = p.rkey) AS bookmarks,
    tg.cid AS threadgate_cid, tg.record AS threadgate,
    pg.record AS postgate
FROM wanted w
JOIN post p ON p.rkey = w.rkey AND p.actor = w.actor
LEFT JOIN record tg ON tg.actor = p.actor AND tg.kind = 8 AND tg.key = p.rkey
LEFT JOIN record pg ON pg.actor = p.actor AND pg.kind = 9 AND pg.key = p.rkey;
