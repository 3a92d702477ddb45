-- $1 keys, $2 accounts.
DELETE FROM duplicate t USING unnest($1::bigint[], $2::bigint[]) AS q (key, actor)
WHERE t.kind = {kind} AND t.rkey = q.key AND t.actor = q.actor
