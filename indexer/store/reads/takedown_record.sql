-- Take the record $1 down for $2, at the time $3.
INSERT INTO takedown (uri, ref, created_at) VALUES ($1, $2, $3) ON CONFLICT (uri) DO UPDATE SET ref = excluded.ref;
