-- Behind actor_count_save: the new values.
RETURNING actor, followers, follows, posts
