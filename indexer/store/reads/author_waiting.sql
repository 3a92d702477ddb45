-- Posts that do not exist (yet) and that an account reposted within a time: they may come.
-- $1 actor, $2 no later than (ms), $3 no earlier than (ms), $4 most
SELECT r.subject_key, r.subject_actor
FROM reposts r
WHERE r.actor = $1 AND r.sort_at <= $2 AND r.sort_at >= $3
    AND NOT EXISTS (SELECT FROM post p WHERE p.rkey = r.subject_key AND p.actor BETWEEN r.subject_actor AND r.subject_actor)
LIMIT $4;
