-- Which of these records exist.
-- $1 kinds smallint[], $2 keys bigint[], $3 actors bigint[] (parallel)
SELECT r.kind, r.key, r.actor
FROM unnest($1::smallint[], $2::bigint[], $3::bigint[]) AS k (kind, key, actor)
JOIN record r ON r.actor = k.actor AND r.kind = k.kind AND r.key = k.key;
