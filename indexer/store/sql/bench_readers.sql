-- Accounts that only read: $1 DIDs, $2 keys. For the benchmark of reads.
INSERT INTO actor (id, did, signing_key, indexed_at, identity_at, identity_due_at)
SELECT ids.id, r.did, r.key, 0, 0, 9000000000000
FROM unnest($1::text[], $2::bytea[]) WITH ORDINALITY AS r (did, key, place)
JOIN (
    SELECT block.first + n AS id, row_number() OVER () AS place
    FROM (SELECT nextval('actor_id_seq') AS first FROM generate_series(1, (cardinality($1::text[]) + 999) / 1000)) AS block
    CROSS JOIN generate_series(0, 999) AS n
) AS ids USING (place)
