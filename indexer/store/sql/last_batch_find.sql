-- $1 writer -> number of the last batch that it made durable; no row while a session of it is still writing one.
SELECT number FROM last_batch WHERE writer = $1 FOR UPDATE SKIP LOCKED
