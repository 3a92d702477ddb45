-- $1 accounts, $2 subjects, $3 places, $4 posts, $5 replies, $6 times.
INSERT INTO activity_subscription (actor, subject_actor, key, post, reply, created_at)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::boolean[], $5::boolean[], $6::bigint[])
ON CONFLICT (actor, subject_actor) DO UPDATE
SET key = excluded.key, post = excluded.post, reply = excluded.reply, created_at = excluded.created_at
