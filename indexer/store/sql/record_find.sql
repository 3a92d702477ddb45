-- $1 kinds, $2 keys, $3 accounts -> those that are stored.
SELECT r.kind::integer, r.key, r.actor FROM unnest($1::smallint[], $2::bigint[], $3::bigint[]) AS q (kind, key, actor)
CROSS JOIN LATERAL (
    SELECT * FROM record r WHERE r.actor = q.actor AND r.kind = q.kind AND r.key BETWEEN q.key AND q.key LIMIT 1) r
