-- $2 new accounts follow the account $1 (a DID). For the benchmark of reads; the counts have to be made right afterwards.
WITH fans AS (
    INSERT INTO actor (id, did)
    SELECT block.first + n, 'did:plc:' || lpad((block.first + n)::text, 24, 'a')
    FROM (SELECT nextval('actor_id_seq') AS first FROM generate_series(1, ($2::bigint + 999) / 1000)) AS block
    CROSS JOIN generate_series(0, 999) AS n
    LIMIT $2
    RETURNING id
)
INSERT INTO follow (rkey, actor, subject_actor, lag, skew)
SELECT (1590000000000000 + fans.id) << 10, fans.id, famous.id, 0, 0
FROM fans, actor AS famous WHERE famous.did = $1
