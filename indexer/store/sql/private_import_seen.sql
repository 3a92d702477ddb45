-- $1 accounts, $2 times, $3 priority.
INSERT INTO notification_seen (actor, seen_at, priority)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::boolean[])
ON CONFLICT (actor) DO UPDATE SET seen_at = excluded.seen_at, priority = excluded.priority
