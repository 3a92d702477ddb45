-- When an account last looked at its notifications, and whether it wants only those of whom it follows.
-- $1 account
SELECT seen_at, priority FROM notification_seen WHERE actor = $1;
