-- $1 who muted, $2 author and $3 key of the first post of the thread
DELETE FROM thread_mute WHERE actor = $1 AND root_actor = $2 AND root_key = $3;
