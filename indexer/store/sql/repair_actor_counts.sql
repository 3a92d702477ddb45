-- $1 accounts, $2 followers, $3 follows, $4 posts: what was counted.
INSERT INTO actor_count AS c (actor, followers, follows, posts)
SELECT * FROM unnest($1::bigint[], $2::integer[], $3::integer[], $4::integer[])
ON CONFLICT (actor) DO UPDATE SET followers = excluded.followers, follows = excluded.follows, posts = excluded.posts
