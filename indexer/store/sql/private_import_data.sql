-- $1 accounts, $2 namespaces, $3 names, $4 payloads (JSON), $5 times.
INSERT INTO private_data (actor, namespace, key, payload, indexed_at)
SELECT actor, namespace, name, payload::jsonb, at
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[]) AS g (actor, namespace, name, payload, at)
ON CONFLICT (actor, namespace, key) DO UPDATE SET payload = excluded.payload, indexed_at = excluded.indexed_at
