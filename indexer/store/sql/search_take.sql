-- The oldest word of a change.
DELETE FROM search_queue WHERE id = (SELECT min(id) FROM search_queue) RETURNING post_keys, post_actors, accounts
