-- Behind post_count_save: the new values.
RETURNING key, actor, likes, reposts, replies, quotes
