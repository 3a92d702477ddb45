-- One array per column.
INSERT INTO list_item (key, actor, list_key, list_actor, subject_actor, created_at, indexed_at)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
