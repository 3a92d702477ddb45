-- Accounts, latest come first.
-- $1 and $2: only those before this (time in ms, DID) (null: all), $3 at most
SELECT id, did, indexed_at AS place
FROM actor
WHERE handle IS NOT NULL AND indexed_at IS NOT NULL
    AND ($1::bigint IS NULL OR (indexed_at, did) < ($1, $2::text))
ORDER BY indexed_at DESC, did DESC
LIMIT $3;
