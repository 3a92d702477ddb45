-- $1 accounts -> those that have a profile.
SELECT actor FROM profile WHERE actor = ANY ($1::bigint[])
