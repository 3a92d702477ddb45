-- $1 accounts.
DELETE FROM profile WHERE actor = ANY ($1::bigint[])
