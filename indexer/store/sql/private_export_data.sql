-- Every account's preferences.
SELECT a.did AS actor, x.namespace, x.key AS name, x.payload::text AS payload, x.indexed_at
FROM private_data x JOIN actor a ON a.id = x.actor ORDER BY a.did, x.namespace, x.key
