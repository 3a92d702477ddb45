-- Accounts whose handle matches a pattern, latest come first.
-- $1 LIKE pattern, $2 and $3: only those before this (time in ms, DID) (null: all), $4 at most
SELECT id, did, indexed_at
FROM actor
WHERE handle IS NOT NULL AND indexed_at IS NOT NULL AND handle LIKE $1
    AND ($2::bigint IS NULL OR (indexed_at, did) < ($2, $3::text))
ORDER BY indexed_at DESC, did DESC
LIMIT $4;
