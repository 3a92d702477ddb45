-- The $3 posts after ($1, $2).
SELECT rkey AS key, actor FROM post WHERE (rkey, actor) > ($1, $2) ORDER BY rkey, actor LIMIT $3
