-- $1 accounts -> (id, time of the event that set the status).
SELECT id, coalesce(status_at, -1) FROM actor WHERE id = ANY ($1::bigint[])
