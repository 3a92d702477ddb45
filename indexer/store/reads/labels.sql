-- Labels in force on subjects, of the asked labelers, oldest first; records that our operator took down have one of ours.
-- $1 subjects (DIDs and AT-URIs) text[], $2 labelers (DIDs) text[], $3 our DID where the operator takes down, else null
SELECT src, uri, cid, val, cts, exp
FROM label
WHERE uri = ANY ($1::text[]) AND src = ANY ($2::text[]) AND NOT neg
    AND (exp IS NULL OR exp::timestamptz > now())
UNION ALL
SELECT $3, uri, '', '!takedown',
    to_char(to_timestamp(created_at / 1000.0) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), NULL
FROM takedown
WHERE uri = ANY ($1::text[]) AND $3::text IS NOT NULL
ORDER BY cts, val;
