-- How far each upstream was read.
SELECT upstream, shard, seq, event_at FROM cursor ORDER BY upstream, shard
