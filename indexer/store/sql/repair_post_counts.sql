-- $1 keys, $2 accounts, $3 likes, $4 reposts, $5 replies, $6 quotes: what was counted.
INSERT INTO post_count AS c (key, actor, likes, reposts, replies, quotes)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::integer[], $4::integer[], $5::integer[], $6::integer[])
ON CONFLICT (key, actor) DO UPDATE SET likes = excluded.likes, reposts = excluded.reposts, replies = excluded.replies, quotes = excluded.quotes
