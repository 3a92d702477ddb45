-- The end of a batch (batch_end.sql).
SELECT pg_temp.end_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
