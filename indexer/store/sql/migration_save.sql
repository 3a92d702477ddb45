-- $1 number, $2 name, $3 checksum of a migration that was just applied.
INSERT INTO migration (number, name, checksum) VALUES ($1, $2, $3)
