-- $1 upstream, $2 shard, $3 sequence number of the last event whose effects are in this transaction, $4 its time.
INSERT INTO cursor AS c (upstream, shard, seq, event_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (upstream, shard) DO UPDATE SET seq = excluded.seq, event_at = excluded.event_at
