-- The ids of accounts ($1 DIDs), for the benchmark of reads.
SELECT id FROM actor WHERE did = ANY ($1::text[])
