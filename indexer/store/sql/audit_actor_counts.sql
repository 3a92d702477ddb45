-- Every stored count of an account that is not the number of rows it stands for.
WITH actual AS (
    SELECT actor, sum(followers)::integer AS followers, sum(follows)::integer AS follows, sum(posts)::integer AS posts
    FROM (
        SELECT subject_actor AS actor, count(*) AS followers, 0 AS follows, 0 AS posts FROM follow GROUP BY 1
        UNION ALL SELECT actor, 0, count(*), 0 FROM follow GROUP BY 1
        UNION ALL SELECT actor, 0, 0, count(*) FROM post GROUP BY 1
    ) AS rows GROUP BY actor
)
SELECT actor, a.did, ARRAY[coalesce(s.followers, 0), coalesce(s.follows, 0), coalesce(s.posts, 0)] AS stored,
    ARRAY[coalesce(r.followers, 0), coalesce(r.follows, 0), coalesce(r.posts, 0)] AS counted
FROM actual r FULL JOIN actor_count s USING (actor) LEFT JOIN actor a ON a.id = actor
WHERE (coalesce(s.followers, 0), coalesce(s.follows, 0), coalesce(s.posts, 0))
    <> (coalesce(r.followers, 0), coalesce(r.follows, 0), coalesce(r.posts, 0))
