-- Bring the popularity of the $2 accounts after $1 up to date; the last one, null at the end.
WITH part AS (
    SELECT s.actor, s.popularity, (5.77 * ln(coalesce(c.followers, 0) + 1.0::float8))::smallint AS now
    FROM (SELECT actor, popularity FROM actor_search WHERE actor > $1 ORDER BY actor LIMIT $2) AS s
    LEFT JOIN actor_count c ON c.actor = s.actor
), changed AS (
    UPDATE actor_search s SET popularity = part.now FROM part WHERE s.actor = part.actor AND part.now <> part.popularity
)
SELECT max(actor) FROM part
