-- The batch's new posts in stream order.
SELECT n & 16777215 AS place, rkey, actor, sort_at, parent_key, parent_actor, root_key, root_actor, quote_key, quote_actor, flags, is_update
FROM stage_post ORDER BY n & 16777215
