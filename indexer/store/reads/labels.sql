-- Labels in force on subjects, of the asked labelers, oldest first.
-- $1 subjects (DIDs and AT-URIs) text[], $2 labelers (DIDs) text[]
SELECT src, uri, cid, val, cts, exp
FROM label
WHERE uri = ANY ($1::text[]) AND src = ANY ($2::text[]) AND NOT neg
    AND (exp IS NULL OR exp::timestamptz > now())
ORDER BY cts, val;
