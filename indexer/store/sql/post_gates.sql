-- The stored gates (8 thread gates of roots, 9 post gates of quotes) that the batch's new posts could run into.
SELECT r.kind, r.key, r.actor, r.record
FROM (SELECT DISTINCT 8::smallint AS kind, root_key AS key, root_actor AS actor FROM stage_post WHERE root_key > 0
    UNION SELECT 9::smallint, quote_key, quote_actor FROM stage_post WHERE quote_key > 0
    UNION SELECT kind, key, actor FROM unnest($1::smallint[], $2::bigint[], $3::bigint[]) AS rare (kind, key, actor)) g
CROSS JOIN LATERAL (
    SELECT * FROM record r WHERE r.actor = g.actor AND r.kind = g.kind AND r.key BETWEEN g.key AND g.key LIMIT 1) r
