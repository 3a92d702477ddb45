-- $1 upstream, $2 shard -> (seq, event_at) of the last durable event.
SELECT seq, event_at FROM cursor WHERE upstream = $1 AND shard = $2
