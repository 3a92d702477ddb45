-- What happened to posts, reposts, follows and blocks, in order.
SELECT kind, added, key, actor, subject_key, subject_actor, sort_at FROM stage_change ORDER BY ctid
