-- $1 keys, $2 accounts.
DELETE FROM {table} t USING unnest($1::bigint[], $2::bigint[]) AS q (key, actor) WHERE t.actor = q.actor AND t.key = q.key
