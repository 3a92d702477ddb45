-- $1 viewer, $2 no earlier than (ms), $3 how many -> the newest posts and reposts of the viewer and of those the viewer
-- follows, for the cached timeline. What lies below the floor is never touched.
WITH shown AS MATERIALIZED (
    SELECT subject_actor AS actor FROM follow WHERE actor = $1 UNION SELECT $1
)
SELECT i.key, i.actor, i.is_repost, i.sort_at
FROM shown s
CROSS JOIN LATERAL (
    (
        SELECT p.rkey AS key, p.actor, false AS is_repost, p.sort_at
        FROM post p
        WHERE p.actor = s.actor AND p.sort_at >= $2
        ORDER BY p.sort_at DESC
        LIMIT $3
    )
    UNION ALL
    (
        SELECT r.rkey, r.actor, true, r.sort_at
        FROM reposts r
        WHERE r.actor = s.actor AND r.sort_at >= $2
        ORDER BY r.sort_at DESC
        LIMIT $3
    )
) AS i
ORDER BY i.sort_at DESC
LIMIT $3
