-- How many follow each of these accounts.
-- $1 accounts bigint[]
SELECT actor, followers FROM actor_count WHERE actor = ANY ($1::bigint[]);
