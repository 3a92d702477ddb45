-- $1 accounts, $2 statuses, $3 times of the events.
UPDATE actor a SET status = e.status, status_at = e.at
FROM unnest($1::bigint[], $2::smallint[], $3::bigint[]) AS e (actor, status, at) WHERE a.id = e.actor
