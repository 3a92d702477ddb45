-- $1 accounts, $2 states of their repositories (0 synchronized, 1 desynchronized, 2 in progress).
INSERT INTO repo AS r (actor, rev, state) SELECT actor, 0, state FROM unnest($1::bigint[], $2::smallint[]) AS s (actor, state)
ON CONFLICT (actor) DO UPDATE SET state = excluded.state
