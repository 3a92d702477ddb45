-- The stream of labeler $1 was followed up to $2.
INSERT INTO labeler_cursor (did, seq) VALUES ($1, $2) ON CONFLICT (did) DO UPDATE SET seq = excluded.seq
