-- $1 who mutes, $2 owner and $3 key of the list, $4 time (ms)
INSERT INTO list_mute (actor, list_actor, list_key, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING;
