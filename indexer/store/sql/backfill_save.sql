-- $1 host, $2 cursor of the next page (null: none), $3 listed, $4 marked, $5 whether the end was reached.
INSERT INTO backfill (host, cursor, listed, marked, finished) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (host) DO UPDATE
SET cursor = excluded.cursor, listed = excluded.listed, marked = excluded.marked, finished = excluded.finished
