-- The AT-URIs of the newest $1 posts whose key is a TID, for the benchmark of reads.
SELECT format('at://%s/app.bsky.feed.post/%s', a.did, (
    SELECT string_agg(substr('234567abcdefghijklmnopqrstuvwxyz', 1 + ((p.rkey >> (60 - 5 * i)) & 31)::int, 1), '' ORDER BY i)
    FROM generate_series(0, 12) AS i
))
FROM (SELECT rkey, actor FROM post WHERE rkey > 0 ORDER BY rkey DESC LIMIT $1) AS p
JOIN actor a ON a.id = p.actor
