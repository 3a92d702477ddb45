-- $1 who mutes, $2 author and $3 key of the first post of the thread, $4 time (ms)
INSERT INTO thread_mute (actor, root_actor, root_key, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING;
