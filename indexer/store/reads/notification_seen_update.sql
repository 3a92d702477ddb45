-- Move the time at which an account last looked at its notifications, never backwards.
-- $1 account, $2 time (ms)
INSERT INTO notification_seen (actor, seen_at) VALUES ($1, $2)
ON CONFLICT (actor) DO UPDATE SET seen_at = greatest(notification_seen.seen_at, excluded.seen_at);
