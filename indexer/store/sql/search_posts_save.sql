-- $1 keys, $2 accounts, $3 times, $4 words of posts that have none yet.
INSERT INTO post_search (rkey, actor, sort_at, words)
SELECT rkey, actor, sort_at, words::tsvector
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[]) AS g (rkey, actor, sort_at, words)
