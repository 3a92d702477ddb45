-- $1 who mutes, $2 whom, $3 time (ms), $4 only reposts, $5 only quotes; a second mute changes the scope.
INSERT INTO mute (actor, subject_actor, created_at, only_reposts, only_quotes) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (actor, subject_actor) DO UPDATE SET only_reposts = excluded.only_reposts, only_quotes = excluded.only_quotes;
