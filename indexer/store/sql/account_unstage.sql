-- In the wave ($2 <= n < $3) in which an account ($1) is deleted, its own deletes mean nothing: all that they could name goes anyway.
DELETE FROM stage_delete WHERE actor = $1 AND n >= $2 AND n < $3
