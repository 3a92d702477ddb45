-- Forget the words of posts ($1 keys, $2 accounts).
DELETE FROM post_search s
USING unnest($1::bigint[], $2::bigint[]) AS g (rkey, actor)
WHERE s.rkey = g.rkey AND s.actor = g.actor
