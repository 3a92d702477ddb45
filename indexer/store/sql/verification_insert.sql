-- One array per column.
INSERT INTO verification (key, actor, subject_actor, handle, display_name, created_at, indexed_at)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::bigint[])
