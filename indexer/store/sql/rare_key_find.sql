-- $1 paths -> (path, id) of those that have an id.
SELECT path, id FROM rare_key WHERE path = ANY ($1::text[])
