-- The key with which an account signs: curve and compressed point.
-- $1 DID
SELECT signing_key FROM actor WHERE did = $1 AND signing_key IS NOT NULL;
