-- $1 keys, $2 accounts -> (account, 0, subject) of the verifications at these paths, duplicates included.
SELECT t.actor, 0::bigint, t.subject_actor FROM unnest($1::bigint[], $2::bigint[]) AS q (key, actor)
JOIN verification t ON t.actor = q.actor AND t.key = q.key
UNION SELECT t.actor, t.subject_key, t.subject_actor FROM unnest($1::bigint[], $2::bigint[]) AS q (key, actor)
JOIN duplicate t ON t.kind = 14 AND t.rkey = q.key AND t.actor = q.actor
