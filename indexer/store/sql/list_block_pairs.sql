-- $1 keys, $2 accounts -> (account, list key, list account) of the list blocks at these paths, duplicates included.
SELECT t.actor, t.list_key, t.list_actor FROM unnest($1::bigint[], $2::bigint[]) AS q (key, actor)
JOIN list_block t ON t.actor = q.actor AND t.key = q.key
UNION SELECT t.actor, t.subject_key, t.subject_actor FROM unnest($1::bigint[], $2::bigint[]) AS q (key, actor)
JOIN duplicate t ON t.kind = 12 AND t.rkey = q.key AND t.actor = q.actor
