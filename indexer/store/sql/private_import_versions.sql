-- The private state of the accounts $1 changed.
INSERT INTO private_version AS v (actor, version) SELECT DISTINCT unnest($1::bigint[]), 1
ON CONFLICT (actor) DO UPDATE SET version = v.version + 1
