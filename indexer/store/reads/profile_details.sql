-- How many lists, generators and starter packs accounts have, those of the viewer's follows who follow them (at most 5, and
-- how many), and the viewer's subscription to their posts. Their other counts: actor_counts.sql.
-- $1 ids bigint[], $2 viewer bigint or null
SELECT a.id AS actor,
    (SELECT count(*) FROM record r WHERE r.actor = a.id AND r.kind = 10) AS lists,
    (SELECT count(*) FROM record r WHERE r.actor = a.id AND r.kind = 7) AS feeds,
    (SELECT count(*) FROM record r WHERE r.actor = a.id AND r.kind = 13) AS starter_packs,
    coalesce(k.known_followers_count, 0) AS known_followers_count, coalesce(k.known_followers, '{}') AS known_followers,
    s.post AS subscribed_posts, s.reply AS subscribed_replies
FROM actor a
LEFT JOIN LATERAL (
    SELECT count(*) AS known_followers_count, (array_agg(f.subject_actor ORDER BY f.subject_actor))[1:5] AS known_followers
    FROM follow f
    WHERE f.actor = $2 AND EXISTS (SELECT FROM follow g WHERE g.actor = f.subject_actor AND g.subject_actor = a.id)
) AS k ON $2::bigint IS NOT NULL
LEFT JOIN activity_subscription s ON s.actor = $2 AND s.subject_actor = a.id
WHERE a.id = ANY ($1::bigint[]);
