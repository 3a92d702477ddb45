-- Duplicates that wait for nobody: no record of their account about their subject is in its table.
SELECT d.kind, d.rkey AS key, d.actor, a.did FROM duplicate d LEFT JOIN actor a ON a.id = d.actor
WHERE (d.kind = 1 AND NOT EXISTS (SELECT FROM "like" t WHERE t.subject_key = d.subject_key AND t.subject_actor = d.subject_actor AND t.actor = d.actor))
    OR (d.kind = 2 AND NOT EXISTS (SELECT FROM repost t WHERE t.subject_key = d.subject_key AND t.subject_actor = d.subject_actor AND t.actor = d.actor))
    OR (d.kind = 3 AND NOT EXISTS (SELECT FROM follow t WHERE t.actor = d.actor AND t.subject_actor = d.subject_actor))
    OR (d.kind = 4 AND NOT EXISTS (SELECT FROM block t WHERE t.actor = d.actor AND t.subject_actor = d.subject_actor))
