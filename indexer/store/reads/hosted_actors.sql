-- Those of these accounts that exist and are in good standing.
-- $1 ids bigint[]
SELECT id, did FROM actor
WHERE id = ANY ($1::bigint[]) AND indexed_at IS NOT NULL AND takedown_ref IS NULL AND status NOT IN (1, 2, 3, 4);
