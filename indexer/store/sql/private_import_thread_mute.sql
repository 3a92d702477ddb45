-- $1 accounts, $2 authors and $3 keys of the threads' first posts, $4 times.
INSERT INTO thread_mute (actor, root_actor, root_key, created_at)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[])
ON CONFLICT (actor, root_actor, root_key) DO UPDATE SET created_at = excluded.created_at
