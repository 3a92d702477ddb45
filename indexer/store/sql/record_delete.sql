-- $1 kinds, $2 keys, $3 accounts.
DELETE FROM record r USING unnest($1::smallint[], $2::bigint[], $3::bigint[]) AS q (kind, key, actor)
WHERE r.actor = q.actor AND r.kind = q.kind AND r.key = q.key
