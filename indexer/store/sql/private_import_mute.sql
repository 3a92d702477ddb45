-- $1 accounts, $2 subjects, $3 times, $4 only reposts, $5 only quotes.
INSERT INTO mute (actor, subject_actor, created_at, only_reposts, only_quotes)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::boolean[], $5::boolean[])
ON CONFLICT (actor, subject_actor) DO UPDATE
SET created_at = excluded.created_at, only_reposts = excluded.only_reposts, only_quotes = excluded.only_quotes
