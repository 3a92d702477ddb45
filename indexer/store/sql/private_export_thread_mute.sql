-- Every mute of a thread.
SELECT a.did AS actor, s.did AS did, x.root_key AS key, r.path, x.created_at
FROM thread_mute x JOIN actor a ON a.id = x.actor JOIN actor s ON s.id = x.root_actor
LEFT JOIN rare_key r ON r.id = x.root_key
ORDER BY a.did, s.did, x.root_key
