-- Every account that our operator took down.
SELECT did AS actor, takedown_ref AS ref FROM actor WHERE takedown_ref IS NOT NULL ORDER BY did
