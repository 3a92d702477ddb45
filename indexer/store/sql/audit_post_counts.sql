-- Every stored count of a post (or of another record that is liked) that is not the number of rows it stands for.
WITH actual AS (
    SELECT key, actor, sum(likes)::integer AS likes, sum(reposts)::integer AS reposts, sum(replies)::integer AS replies,
        sum(quotes)::integer AS quotes
    FROM (
        SELECT subject_key AS key, subject_actor AS actor, count(*) AS likes, 0 AS reposts, 0 AS replies, 0 AS quotes
        FROM "like" GROUP BY 1, 2
        UNION ALL SELECT subject_key, subject_actor, 0, count(*), 0, 0 FROM repost GROUP BY 1, 2
        UNION ALL SELECT parent_key, parent_actor, 0, 0, count(*), 0 FROM post
        WHERE parent_key IS NOT NULL AND flags & 256 = 0 GROUP BY 1, 2
        UNION ALL SELECT quote_key, quote_actor, 0, 0, 0, count(*) FROM post WHERE quote_key IS NOT NULL GROUP BY 1, 2
    ) AS rows GROUP BY key, actor
)
SELECT key, actor, a.did, k.path,
    ARRAY[coalesce(s.likes, 0), coalesce(s.reposts, 0), coalesce(s.replies, 0), coalesce(s.quotes, 0)] AS stored,
    ARRAY[coalesce(r.likes, 0), coalesce(r.reposts, 0), coalesce(r.replies, 0), coalesce(r.quotes, 0)] AS counted
FROM actual r FULL JOIN post_count s USING (key, actor) LEFT JOIN actor a ON a.id = actor LEFT JOIN rare_key k ON k.id = key
WHERE (coalesce(s.likes, 0), coalesce(s.reposts, 0), coalesce(s.replies, 0), coalesce(s.quotes, 0))
    <> (coalesce(r.likes, 0), coalesce(r.reposts, 0), coalesce(r.replies, 0), coalesce(r.quotes, 0))
