-- Posts in the order of their record keys, latest first: where a search goes on.
-- $1 only those with a smaller key, $2 at most
SELECT rkey, actor, sort_at, record FROM post WHERE rkey < $1 AND rkey >= 0 ORDER BY rkey DESC, actor LIMIT $2;
