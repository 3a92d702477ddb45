-- Until when every account has seen its notifications.
SELECT a.did AS actor, x.seen_at, x.priority FROM notification_seen x JOIN actor a ON a.id = x.actor ORDER BY a.did
