-- Posts that quote a post, newest first, with every quote of the last one's time.
-- $1 key, $2 actor of the post, $3 no later than (ms), $4 at least this many if there are
SELECT sort_at, rkey, actor, cid
FROM post
WHERE quote_key = $1 AND quote_actor = $2 AND sort_at <= $3
ORDER BY sort_at DESC
FETCH FIRST $4 ROWS WITH TIES;
