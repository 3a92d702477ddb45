-- Every mute of a list.
SELECT a.did AS actor, s.did AS did, x.list_key AS key, r.path, x.created_at
FROM list_mute x JOIN actor a ON a.id = x.actor JOIN actor s ON s.id = x.list_actor
LEFT JOIN rare_key r ON r.id = x.list_key
ORDER BY a.did, s.did, x.list_key
