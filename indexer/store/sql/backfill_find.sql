-- $1 host -> (cursor, listed, marked, finished) of the last import of its repositories.
SELECT cursor, listed, marked, finished FROM backfill WHERE host = $1
