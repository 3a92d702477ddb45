-- Adds the batch's changes to the counts of posts (and whatever else is liked), in the order of their key.
INSERT INTO post_count AS c (key, actor, likes, reposts, replies, quotes)
SELECT key, actor, sum(likes), sum(reposts), sum(replies), sum(quotes) FROM stage_delta GROUP BY key, actor ORDER BY key, actor
ON CONFLICT (key, actor) DO UPDATE SET likes = c.likes + excluded.likes, reposts = c.reposts + excluded.reposts,
    replies = c.replies + excluded.replies, quotes = c.quotes + excluded.quotes
