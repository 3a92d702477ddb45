-- $1 account, $2 namespace, $3 key, $4 JSON, $5 time (ms)
INSERT INTO private_data (actor, namespace, key, payload, indexed_at) VALUES ($1, $2, $3, $4::text::jsonb, $5)
ON CONFLICT (actor, namespace, key) DO UPDATE SET payload = excluded.payload, indexed_at = excluded.indexed_at;
