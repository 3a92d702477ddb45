-- Posts by what they are found by, latest first.
-- $1 tsquery, $2 from this time on, $3 only those before this time (ms), $4 to $6: only those after this
-- (time, key, account), $7 at most
SELECT rkey, actor, sort_at
FROM post_search
WHERE words @@ $1::text::tsquery AND sort_at >= $2 AND sort_at < $3 AND (sort_at, rkey, actor) < ($4, $5, $6)
ORDER BY sort_at DESC, rkey DESC, actor DESC
LIMIT $7;
