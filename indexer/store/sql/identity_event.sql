-- $1 accounts of #identity events: look at them at once.
UPDATE actor SET identity_due_at = 0 WHERE id = ANY ($1::bigint[])
