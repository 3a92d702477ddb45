-- $1 account -> its {edge}s, counted or duplicate, with what rebuilding their records takes.
-- subject_cid is null where it is that of the subject's post row.
SELECT e.rkey, k.path, a.did, e.subject_key, s.path, e.created_at, coalesce(e.subject_cid, p.cid), v.did, e.via_key, w.path, e.via_cid, e.extra
FROM (
    SELECT rkey, subject_key, subject_actor, created_at, subject_cid, via_key, via_actor, via_cid, extra
    FROM {edge}s WHERE actor = $1
    UNION ALL
    SELECT rkey, subject_key, subject_actor, created_at, subject_cid, via_key, via_actor, via_cid, extra
    FROM duplicate WHERE actor = $1 AND kind = {kind}
) AS e
JOIN actor a ON a.id = e.subject_actor
LEFT JOIN actor v ON v.id = e.via_actor
LEFT JOIN post p ON e.subject_cid IS NULL AND p.rkey = e.subject_key AND p.actor = e.subject_actor
LEFT JOIN rare_key k ON k.id = e.rkey
LEFT JOIN rare_key s ON s.id = e.subject_key
LEFT JOIN rare_key w ON w.id = e.via_key
