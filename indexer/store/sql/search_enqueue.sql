-- Leave word of what the batch changed: its posts (in the staging tables) and the accounts $1.
INSERT INTO search_queue (post_keys, post_actors, accounts)
SELECT coalesce(array_agg(rkey), '{}'), coalesce(array_agg(actor), '{}'), $1::bigint[]
FROM (SELECT rkey, actor FROM stage_post UNION ALL SELECT rkey, actor FROM stage_delete WHERE kind = {post}) AS changed
