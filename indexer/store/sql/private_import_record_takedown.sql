-- $1 URIs, $2 references, $3 times.
INSERT INTO takedown (uri, ref, created_at)
SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])
ON CONFLICT (uri) DO UPDATE SET ref = excluded.ref, created_at = excluded.created_at
