-- Every account of $1 (DIDs) follows about $3 of the accounts in $2 (DIDs, the most followed first), as often as they are popular: place
-- n * u ^ 3 for a uniform u, as in the simulation. For the benchmark of reads; the counts have to be made right afterwards.
INSERT INTO follow (rkey, actor, subject_actor, lag, skew)
SELECT (1600000000000000 + row_number() OVER ()) << 10, f.id, s.id, 0, 0
FROM unnest($1::text[]) AS r (did)
JOIN actor f ON f.did = r.did
CROSS JOIN LATERAL (
    SELECT DISTINCT 1 + floor(cardinality($2::text[]) * power(random(), 3))::integer AS place
    FROM generate_series(1, $3 + length(r.did) * 0)
) AS chosen
JOIN actor s ON s.did = ($2::text[])[chosen.place]
WHERE s.id <> f.id
ON CONFLICT DO NOTHING
