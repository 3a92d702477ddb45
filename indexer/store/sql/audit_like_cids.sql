-- Rows that lean on a post which is not there, or keep a CID that the post's row has (subject_cid is null exactly where it can be).
SELECT t.rkey AS key, t.actor, a.did, p.cid IS NULL AS lost
FROM "like" t LEFT JOIN post p ON p.rkey = t.subject_key AND p.actor = t.subject_actor LEFT JOIN actor a ON a.id = t.actor
WHERE (t.subject_cid IS NULL AND p.cid IS NULL) OR t.subject_cid = p.cid
