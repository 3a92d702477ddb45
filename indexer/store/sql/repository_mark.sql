-- $1 accounts, $2 revs that a host says their repositories have (0: not said)
-- -> those of which we have nothing, or less: from here on they wait to be fetched. What waits already is among them.
INSERT INTO repo AS r (actor, rev, state)
SELECT l.actor, 0, 1 FROM unnest($1::bigint[], $2::bigint[]) AS l (actor, rev)
LEFT JOIN repo k ON k.actor = l.actor
WHERE k.actor IS NULL OR k.state <> 0 OR k.rev < l.rev
ORDER BY l.actor
ON CONFLICT (actor) DO UPDATE SET state = 1
RETURNING actor
