-- Every mute of an account.
SELECT a.did AS actor, s.did AS subject, x.created_at, x.only_reposts, x.only_quotes
FROM mute x JOIN actor a ON a.id = x.actor JOIN actor s ON s.id = x.subject_actor
ORDER BY a.did, s.did
