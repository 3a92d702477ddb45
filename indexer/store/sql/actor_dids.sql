-- $1 ids -> (id, DID).
SELECT id, did FROM actor WHERE id = ANY ($1::bigint[])
