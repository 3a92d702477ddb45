-- $1 accounts, $2 authors, $3 keys, $4 digests (hexadecimal), $5 places, $6 times.
INSERT INTO bookmark (actor, subject_actor, subject_key, subject_cid, key, created_at)
SELECT actor, author, subject, decode(digest, 'hex'), place, at
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::bigint[])
    AS g (actor, author, subject, digest, place, at)
ON CONFLICT (actor, subject_actor, subject_key) DO UPDATE
SET subject_cid = excluded.subject_cid, key = excluded.key, created_at = excluded.created_at
