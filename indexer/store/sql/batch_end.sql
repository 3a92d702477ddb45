-- What a batch leaves beside its rows, in one message (wave.sql): counts, unless they were saved already ($1), the search queue's row ($2:
-- whether one is wanted), and, each where there are any, states of repositories, first events, drops, identities, the cursor and
-- the number of the writer's batch.
CREATE FUNCTION pg_temp.end_batch(counts boolean, search boolean, profiles bigint[], state_actors bigint[], states smallint[],
    first_actors bigint[], first_times bigint[], drop_reasons text[], drop_actors bigint[], drop_counts bigint[],
    drop_times bigint[], drop_details text[], identities bigint[], upstream text, shard text, seq bigint, event_at bigint,
    writer uuid, number bigint) RETURNS void LANGUAGE plpgsql AS $function$ BEGIN
IF counts THEN
    PERFORM pg_temp.post_count_save();
    PERFORM pg_temp.actor_count_save();
END IF;
IF search THEN PERFORM pg_temp.search_enqueue(profiles); END IF;
IF cardinality(state_actors) > 0 THEN PERFORM pg_temp.repo_state_save(state_actors, states); END IF;
IF cardinality(first_actors) > 0 THEN PERFORM pg_temp.actor_first_event(first_actors, first_times); END IF;
IF cardinality(drop_reasons) > 0 THEN
    PERFORM pg_temp.dropped_save(drop_reasons, drop_actors, drop_counts, drop_times, drop_details);
END IF;
IF cardinality(identities) > 0 THEN PERFORM pg_temp.identity_event(identities); END IF;
IF seq IS NOT NULL THEN PERFORM pg_temp.cursor_save(upstream, shard, seq, event_at); END IF;
IF number IS NOT NULL THEN PERFORM pg_temp.last_batch_save(writer, number); END IF;
END $function$
