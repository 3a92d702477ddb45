-- Whom an account follows, the best known first: neither the viewer nor whom it follows already.
-- $1 viewer, $2 account whose follows are looked at, $3 at most
SELECT f.subject_actor AS actor
FROM (SELECT subject_actor FROM follow WHERE actor = $2 LIMIT 2000) AS f
LEFT JOIN actor_count c ON c.actor = f.subject_actor
WHERE f.subject_actor <> $1
    AND NOT EXISTS (SELECT FROM follow own WHERE own.actor = $1 AND own.subject_actor = f.subject_actor)
ORDER BY coalesce(c.followers, 0) DESC, f.subject_actor
LIMIT $3;
