-- One array per column.
INSERT INTO record (kind, key, actor, cid, created_at, indexed_at, record)
SELECT * FROM unnest($1::smallint[], $2::bigint[], $3::bigint[], $4::bytea[], $5::bigint[], $6::bigint[], $7::bytea[])
