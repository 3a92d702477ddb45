-- $1 account, $2 only those with a smaller key (null: all), $3 at most
SELECT key, subject_actor, subject_key, subject_cid, created_at FROM bookmark
WHERE actor = $1 AND ($2::text IS NULL OR key < $2)
ORDER BY key DESC LIMIT $3;
