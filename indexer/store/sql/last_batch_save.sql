-- $1 writer, $2 number of the batch that this transaction writes.
INSERT INTO last_batch AS l (writer, number) VALUES ($1, $2)
ON CONFLICT (writer) DO UPDATE SET number = excluded.number, written_at = now()
