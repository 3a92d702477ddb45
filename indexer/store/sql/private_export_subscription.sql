-- Every subscription to an account's activity.
SELECT a.did AS actor, s.did AS subject, x.key AS place, x.post, x.reply, x.created_at
FROM activity_subscription x JOIN actor a ON a.id = x.actor JOIN actor s ON s.id = x.subject_actor
ORDER BY a.did, s.did
