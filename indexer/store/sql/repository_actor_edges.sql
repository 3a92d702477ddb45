-- $1 account -> its records in {rows}, counted or duplicate, with what rebuilding their records takes.
SELECT e.rkey, k.path, a.did, NULL, NULL, e.created_at, NULL, v.did, e.via_key, w.path, e.via_cid, e.extra
FROM (
    SELECT rkey, subject_actor, created_at, {via}, extra FROM {rows} WHERE actor = $1
    UNION ALL
    SELECT rkey, subject_actor, created_at, via_key, via_actor, via_cid, extra FROM duplicate WHERE actor = $1 AND kind = {kind}
) AS e
JOIN actor a ON a.id = e.subject_actor
LEFT JOIN actor v ON v.id = e.via_actor
LEFT JOIN rare_key k ON k.id = e.rkey
LEFT JOIN rare_key w ON w.id = e.via_key
