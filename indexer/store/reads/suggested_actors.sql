-- Whom those follow whom an account follows, most often first: neither the account itself nor whom it follows already.
-- $1 account, $2 from this place on, $3 at most
SELECT s.subject_actor AS actor
FROM (
    SELECT g.subject_actor, count(*) AS times
    FROM (SELECT subject_actor FROM follow WHERE actor = $1 ORDER BY rkey DESC LIMIT 200) AS f
    CROSS JOIN LATERAL (SELECT subject_actor FROM follow WHERE actor = f.subject_actor LIMIT 200) AS g
    WHERE g.subject_actor <> $1
        AND NOT EXISTS (SELECT FROM follow own WHERE own.actor = $1 AND own.subject_actor = g.subject_actor)
    GROUP BY g.subject_actor
) AS s
ORDER BY s.times DESC, s.subject_actor
OFFSET $2 LIMIT $3;
