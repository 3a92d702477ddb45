-- $1 accounts, $2 times (ms) of their first events.
UPDATE actor a SET indexed_at = e.at FROM unnest($1::bigint[], $2::bigint[]) AS e (actor, at)
WHERE a.id = e.actor AND a.indexed_at IS NULL
