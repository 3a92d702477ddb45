-- The counts of accounts, of those that have any.
-- $1 ids bigint[]
SELECT actor, followers, follows, posts FROM actor_count WHERE actor = ANY ($1::bigint[]);
