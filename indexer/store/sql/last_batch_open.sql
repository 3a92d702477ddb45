-- $1 writer: sees to it that it has a row; forgets writers that are long gone.
WITH gone AS (DELETE FROM last_batch WHERE written_at < now() - interval '30 days')
INSERT INTO last_batch (writer, number) VALUES ($1, 0) ON CONFLICT DO NOTHING
