-- On which of these lists an account is.
-- $1 account, $2 keys bigint[], $3 actors bigint[] (parallel)
SELECT k.key, k.actor, i.key AS item_key, i.actor AS item_actor
FROM unnest($2::bigint[], $3::bigint[]) AS k (key, actor)
JOIN list_item i ON i.list_actor = k.actor AND i.list_key = k.key AND i.subject_actor = $1;
