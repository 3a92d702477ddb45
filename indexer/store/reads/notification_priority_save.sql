-- $1 account, $2 whether it wants notifications of those only whom it follows
INSERT INTO notification_seen (actor, seen_at, priority) VALUES ($1, 0, $2)
ON CONFLICT (actor) DO UPDATE SET priority = excluded.priority;
