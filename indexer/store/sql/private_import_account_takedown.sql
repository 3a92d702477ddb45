-- $1 accounts, $2 references.
UPDATE actor a SET takedown_ref = g.ref FROM unnest($1::bigint[], $2::text[]) AS g (actor, ref) WHERE a.id = g.actor
