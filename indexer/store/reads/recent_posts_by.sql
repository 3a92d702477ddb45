-- An account's posts in the order of time, latest first: where a search among them goes on.
-- $1 account, $2 no later than (ms), $3 at most (more where they share the last one's time)
SELECT rkey, actor, sort_at, record FROM post
WHERE actor = $1 AND sort_at <= $2
ORDER BY sort_at DESC
FETCH FIRST $3 ROWS WITH TIES;
