-- One wave (wave.sql).
SELECT pg_temp.write_wave($1, $2, $3, $4, $5)
