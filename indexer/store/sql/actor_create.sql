-- $1 ids, $2 DIDs -> those that were created (another process may have been faster for the others).
-- Sorted, so that two processes that create the same accounts wait for each other instead of deadlocking.
INSERT INTO actor (id, did)
SELECT id, did FROM unnest($1::bigint[], $2::text[]) AS new (id, did) ORDER BY did
ON CONFLICT (did) DO NOTHING
RETURNING id, did
