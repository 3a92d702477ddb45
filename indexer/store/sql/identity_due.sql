-- $1 now, $2 how many -> the accounts whose identity is due the longest.
SELECT id, did FROM actor WHERE indexed_at IS NOT NULL AND identity_due_at <= $1 ORDER BY identity_due_at LIMIT $2
