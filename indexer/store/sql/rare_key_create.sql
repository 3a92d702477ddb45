-- $1 (negative) ids, $2 paths -> those that were created.
INSERT INTO rare_key (id, path)
SELECT id, path FROM unnest($1::bigint[], $2::text[]) AS new (id, path) ORDER BY path
ON CONFLICT (path) DO NOTHING
RETURNING id, path
