-- Posts and what surrounds them, once each: the asked ones, the roots of all of these (for their gates), with $4 also
-- the parents of the asked ones, and what any of them quotes, two levels deep; each with counts, gates and the
-- viewer's own marks on it.
-- $1 keys bigint[], $2 actors bigint[] (parallel), $3 viewer bigint or null, $4 with parents boolean
WITH asked AS MATERIALIZED (
    SELECT p.rkey, p.actor, p.parent_key, p.parent_actor, p.root_key, p.root_actor, p.quote_key, p.quote_actor
    FROM unnest($1::bigint[], $2::bigint[]) AS k (rkey, actor)
    JOIN post p ON p.rkey = k.rkey AND p.actor = k.actor
), above AS MATERIALIZED (
    SELECT p.rkey, p.actor, p.root_key, p.root_actor, p.quote_key, p.quote_actor
    FROM (
        SELECT root_key AS rkey, root_actor AS actor FROM asked WHERE root_key IS NOT NULL
        UNION
        SELECT parent_key, parent_actor FROM asked WHERE $4::boolean AND parent_key IS NOT NULL
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
    coalesce(c.likes, 0) AS likes, coalesce(c.reposts, 0) AS reposts,
    coalesce(c.replies, 0) AS replies, coalesce(c.quotes, 0) AS quotes,
    (SELECT count(*) FROM bookmark b WHERE b.subject_actor = p.actor AND b.subject_key = p.rkey) AS bookmarks,
    tg.cid AS threadgate_cid, tg.record AS threadgate,
    pg.record AS postgate,
    CASE WHEN $3::bigint IS NOT NULL THEN
        (SELECT l.rkey FROM "like" l WHERE l.subject_key = p.rkey AND l.subject_actor = p.actor AND l.actor = $3)
    END AS viewer_like,
    CASE WHEN $3 IS NOT NULL THEN
        (SELECT r.rkey FROM repost r WHERE r.subject_key = p.rkey AND r.subject_actor = p.actor AND r.actor = $3)
    END AS viewer_repost,
    $3 IS NOT NULL AND EXISTS (
        SELECT FROM bookmark b WHERE b.actor = $3 AND b.subject_actor = p.actor AND b.subject_key = p.rkey
    ) AS viewer_bookmarked,
    $3 IS NOT NULL AND EXISTS (
        SELECT FROM thread_mute m
        WHERE m.actor = $3 AND m.root_actor = coalesce(p.root_actor, p.actor) AND m.root_key = coalesce(p.root_key, p.rkey)
    ) AS viewer_thread_muted
FROM wanted w
JOIN post p ON p.rkey = w.rkey AND p.actor = w.actor
LEFT JOIN post_count c ON c.key = p.rkey AND c.actor = p.actor
LEFT JOIN record tg ON tg.actor = p.actor AND tg.kind = 8 AND tg.key = p.rkey
LEFT JOIN record pg ON pg.actor = p.actor AND pg.kind = 9 AND pg.key = p.rkey;
