-- Writes one wave of edges and posts ($1 <= n < $2), deletes before creates, in one message: between its statements the session
-- waits for nobody. $3 has the posts' verdicts (post_insert.sql), $4 the kinds of which records are deleted, $5 those of which they come.
CREATE FUNCTION pg_temp.write_wave(integer, integer, bytea, integer[], integer[]) RETURNS void LANGUAGE plpgsql AS $function$ BEGIN
IF {like} = ANY ($4) THEN PERFORM pg_temp.delete_like($1, $2); END IF;
IF {repost} = ANY ($4) THEN PERFORM pg_temp.delete_repost($1, $2); END IF;
IF {follow} = ANY ($4) THEN PERFORM pg_temp.delete_follow($1, $2); END IF;
IF {block} = ANY ($4) THEN PERFORM pg_temp.delete_block($1, $2); END IF;
IF {post} = ANY ($4) THEN PERFORM pg_temp.post_delete($1, $2); END IF;
IF {post} = ANY ($5) THEN
    PERFORM pg_temp.post_insert($1, $2, $3);
    PERFORM pg_temp.post_lean_likes($1, $2, $3);
    PERFORM pg_temp.post_lean_reposts($1, $2, $3);
END IF;
IF {like} = ANY ($5) THEN PERFORM pg_temp.create_like($1, $2); END IF;
IF {repost} = ANY ($5) THEN PERFORM pg_temp.create_repost($1, $2); END IF;
IF {follow} = ANY ($5) THEN PERFORM pg_temp.create_follow($1, $2); END IF;
IF {block} = ANY ($5) THEN PERFORM pg_temp.create_block($1, $2); END IF;
END $function$
