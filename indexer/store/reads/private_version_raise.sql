-- One more private change of $1.
INSERT INTO private_version AS v (actor, version) VALUES ($1, 1)
ON CONFLICT (actor) DO UPDATE SET version = v.version + 1;
