-- $1 DIDs -> (DID, id) of those that have one.
SELECT did, id FROM actor WHERE did = ANY ($1::text[])
