-- One array per column.
INSERT INTO duplicate (kind, rkey, actor, subject_key, subject_actor, created_at, indexed_at)
SELECT {kind}, * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
