-- What trusted verifiers say about accounts, oldest first.
-- $1 subjects bigint[], $2 trusted verifiers bigint[]
SELECT subject_actor, actor, key, handle, display_name, least(created_at, indexed_at) AS sort_at
FROM verification
WHERE subject_actor = ANY ($1::bigint[]) AND actor = ANY ($2::bigint[])
ORDER BY subject_actor, sort_at;
