-- $1 keys, $2 accounts -> (account, list, subject) of the list items at these paths, duplicates included.
SELECT t.actor, t.list_key, t.subject_actor FROM unnest($1::bigint[], $2::bigint[]) AS q (key, actor)
JOIN list_item t ON t.actor = q.actor AND t.key = q.key
UNION SELECT t.actor, t.subject_key, t.subject_actor FROM unnest($1::bigint[], $2::bigint[]) AS q (key, actor)
JOIN duplicate t ON t.kind = 11 AND t.rkey = q.key AND t.actor = q.actor
