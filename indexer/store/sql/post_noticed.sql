-- Who is notified already of the posts ($1 keys, $2 accounts).
SELECT t.record_key, t.author, t.recipient
FROM unnest($1::bigint[], $2::bigint[]) AS s (key, actor)
JOIN notification t ON t.record_key = s.key AND t.author = s.actor AND t.record_kind = 5
