-- Those whom the viewer follows and who follow an account, newest follow first.
-- $1 viewer, $2 account, $3 at most
SELECT f.subject_actor AS actor
FROM follows f
WHERE f.actor = $1 AND EXISTS (SELECT FROM follow g WHERE g.actor = f.subject_actor AND g.subject_actor = $2)
ORDER BY f.sort_at DESC
LIMIT $3;
