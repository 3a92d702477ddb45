-- Every bookmark.
SELECT a.did AS actor, s.did AS did, x.subject_key AS key, r.path, encode(x.subject_cid, 'hex') AS digest, x.key AS place,
    x.created_at
FROM bookmark x JOIN actor a ON a.id = x.actor JOIN actor s ON s.id = x.subject_actor
LEFT JOIN rare_key r ON r.id = x.subject_key
ORDER BY a.did, x.key, s.did, x.subject_key
