-- $1 list keys, $2 list accounts, $3 accounts -> the stored items that hold an account in a list (any of several records of the same pair).
SELECT q.list_key, q.list_actor, q.subject, i.key, i.actor
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS q (list_key, list_actor, subject)
CROSS JOIN LATERAL (
    SELECT key, actor FROM list_item t
    WHERE t.list_actor = q.list_actor AND t.list_key = q.list_key AND t.subject_actor = q.subject
    UNION ALL
    SELECT rkey, actor FROM duplicate t
    WHERE t.kind = 11 AND t.subject_key = q.list_key AND t.subject_actor = q.subject AND t.actor = q.list_actor) i
