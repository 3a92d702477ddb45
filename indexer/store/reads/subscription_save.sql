-- $1 who subscribes, $2 to whom, $3 key of a new subscription, $4 to posts, $5 to replies, $6 time (ms)
INSERT INTO activity_subscription (actor, subject_actor, key, post, reply, created_at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (actor, subject_actor) DO UPDATE SET post = excluded.post, reply = excluded.reply;
