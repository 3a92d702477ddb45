-- Likes of a record, newest first, with every like of the last one's time.
-- $1 key, $2 actor of the record, $3 no later than (ms), $4 at least this many if there are
SELECT e.sort_at, e.rkey AS edge_rkey, e.actor AS edge_actor, e.subject_key AS rkey, e.subject_actor AS actor, s.did,
    e.created_at, e.via_key, v.did AS via_did, e.via_cid, coalesce(e.subject_cid, p.cid) AS subject_cid, e.extra
FROM (
    SELECT *
    FROM likes e
    WHERE e.subject_key = $1 AND e.subject_actor = $2 AND sort_at <= $3
    ORDER BY sort_at DESC
    FETCH FIRST $4 ROWS WITH TIES
) AS e
JOIN actor s ON s.id = e.subject_actor
LEFT JOIN actor v ON v.id = e.via_actor
LEFT JOIN post p ON p.rkey = e.subject_key AND p.actor = e.subject_actor AND e.subject_cid IS NULL;
