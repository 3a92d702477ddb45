-- One array per column.
INSERT INTO profile (actor, cid, created_at, indexed_at, joined_key, joined_actor, record)
SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bytea[])
