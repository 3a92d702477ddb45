-- Adds the batch's changes to the counts of accounts, in the order of their id.
INSERT INTO actor_count AS c (actor, followers, follows, posts)
SELECT actor, sum(followers), sum(follows), sum(posts) FROM stage_actor_delta GROUP BY actor ORDER BY actor
ON CONFLICT (actor) DO UPDATE SET followers = c.followers + excluded.followers, follows = c.follows + excluded.follows,
    posts = c.posts + excluded.posts
