-- The batch's deletions of posts, in stream order; those of updates come with the update.
SELECT n & 16777215 AS place, rkey, actor FROM stage_delete WHERE kind = 5 AND NOT is_update ORDER BY n & 16777215
