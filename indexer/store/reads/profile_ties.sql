-- What ties a viewer to accounts beside their relation: those of the viewer's follows who follow them (at most 5, and how
-- many), and the viewer's subscription to their posts.
-- $1 ids bigint[], $2 viewer
SELECT a.id AS actor,
    coalesce(k.known_followers_count, 0) AS known_followers_count, coalesce(k.known_followers, '{}') AS known_followers,
    s.post AS subscribed_posts, s.reply AS subscribed_replies
FROM unnest($1::bigint[]) AS a (id)
CROSS JOIN LATERAL (
    SELECT count(*) AS known_followers_count, (array_agg(f.subject_actor ORDER BY f.subject_actor))[1:5] AS known_followers
    FROM follow f
    WHERE f.actor = $2 AND EXISTS (SELECT FROM follow g WHERE g.actor = f.subject_actor AND g.subject_actor = a.id)
) AS k
LEFT JOIN activity_subscription s ON s.actor = $2::bigint AND s.subject_actor = a.id;
