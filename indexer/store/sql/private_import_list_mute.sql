-- $1 accounts, $2 list owners, $3 list keys, $4 times.
INSERT INTO list_mute (actor, list_actor, list_key, created_at)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[])
ON CONFLICT (actor, list_actor, list_key) DO UPDATE SET created_at = excluded.created_at
