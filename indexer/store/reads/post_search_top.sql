-- Of the latest $4 posts that are found, those with the most attention: likes, replies and, twice, reposts and quotes.
-- $1 tsquery, $2 from this time on, $3 only those before this time (ms), $5 to $7: only those after this (attention, key,
-- account), $8 at most. The first row tells how many were found, also where no post is left.
WITH found AS MATERIALIZED (
    SELECT rkey, actor
    FROM post_search
    WHERE words @@ $1::text::tsquery AND sort_at >= $2 AND sort_at < $3
    ORDER BY sort_at DESC, rkey DESC, actor DESC
    LIMIT $4
), ranked AS (
    SELECT f.rkey, f.actor, coalesce(c.attention, 0)::bigint AS attention
    FROM found f LEFT JOIN LATERAL (
        SELECT likes + 2 * reposts + replies + 2 * quotes AS attention
        FROM post_count WHERE key = f.rkey AND post_count.actor = f.actor LIMIT 1
    ) AS c ON true
)
SELECT t.found, p.rkey, p.actor, p.attention
FROM (SELECT count(*) AS found FROM found) AS t
LEFT JOIN (
    SELECT * FROM ranked WHERE (attention, rkey, actor) < ($5::bigint, $6::bigint, $7::bigint)
    ORDER BY attention DESC, rkey DESC, actor DESC LIMIT $8
) AS p ON true;
