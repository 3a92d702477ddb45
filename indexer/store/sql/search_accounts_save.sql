-- $1 accounts, $2 their names.
INSERT INTO actor_search (actor, names, popularity)
SELECT g.actor, g.names, (5.77 * ln(coalesce(c.followers, 0) + 1.0::float8))::smallint
FROM unnest($1::bigint[], $2::text[]) AS g (actor, names)
LEFT JOIN actor_count c ON c.actor = g.actor
ON CONFLICT (actor) DO UPDATE SET names = excluded.names, popularity = excluded.popularity
