-- Of the 500 latest likes of a post, those by accounts that the viewer follows, latest first.
-- $1 key, $2 actor of the post, $3 viewer
SELECT l.actor
FROM (
    SELECT actor, sort_at
    FROM likes
    WHERE subject_key = $1 AND subject_actor = $2
    ORDER BY sort_at DESC
    LIMIT 500
) AS l
WHERE EXISTS (SELECT FROM follow f WHERE f.actor = $3 AND f.subject_actor = l.actor)
ORDER BY l.sort_at DESC;
