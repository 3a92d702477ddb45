-- Handles and profiles of the accounts $1.
SELECT a.id, a.handle, p.record
FROM actor a LEFT JOIN profile p ON p.actor = a.id
WHERE a.id = ANY ($1::bigint[])
