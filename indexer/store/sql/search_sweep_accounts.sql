-- The $3 accounts after $2 that have published something ($1 is the posts').
SELECT 0::bigint AS key, id AS actor FROM actor
WHERE id > $2 AND indexed_at IS NOT NULL AND $1::bigint IS NOT NULL ORDER BY id LIMIT $3
