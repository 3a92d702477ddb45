-- $2 new accounts follow the account $1 (a DID). For the benchmark of reads; the counts have to be made right afterwards.
WITH fans AS (
    INSERT INTO actor (id, did)
    SELECT (SELECT max(id) FROM actor) + n, 'did:plc:' || lpad(n::text, 24, 'a') FROM generate_series(1, $2::bigint) AS n
    RETURNING id
)
INSERT INTO follow (rkey, actor, subject_actor, created_at, indexed_at)
SELECT (1590000000000000 + fans.id) << 10, fans.id, famous.id, 1590000000000, 1590000000000
FROM fans, actor AS famous WHERE famous.did = $1
