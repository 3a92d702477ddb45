-- Accounts by their names: those of which a name begins with the term by popularity, then the others, latest first.
-- $1 LIKE pattern of the term anywhere, $2 of a name that begins with it, $3 the one of both that the trigram index
-- looks for, $4 and $5: only those after this (place, DID) (null: all), $6 at most, $7 how many are looked at: the most
-- followed and the latest, and, where these are not enough, whatever the index finds. (Of a term that nearly every name
-- holds, the index would find nearly everything; LIMIT does not begin what it does not need.)
WITH found AS (
    SELECT DISTINCT actor, names, popularity
    FROM (
        (SELECT * FROM (SELECT * FROM actor_search ORDER BY popularity DESC, actor LIMIT $7) AS popular WHERE popular.names LIKE $3)
        UNION ALL
        (SELECT * FROM (SELECT * FROM actor_search ORDER BY actor DESC LIMIT $7) AS latest WHERE latest.names LIKE $3)
        UNION ALL
        (SELECT * FROM actor_search WHERE names LIKE $3)
        LIMIT $7 * 3 / 2
    ) AS looked_at
), placed AS (
    SELECT a.id, a.did,
        CASE WHEN f.names LIKE $2 THEN (f.popularity + 1)::bigint << 42 ELSE 0 END + a.indexed_at AS place
    FROM found f
    JOIN actor a ON a.id = f.actor AND a.handle IS NOT NULL AND a.indexed_at IS NOT NULL
    WHERE f.names LIKE $1
)
SELECT id, did, place
FROM placed
WHERE $4::bigint IS NULL OR (place, did) < ($4, $5::text)
ORDER BY place DESC, did DESC
LIMIT $6;
