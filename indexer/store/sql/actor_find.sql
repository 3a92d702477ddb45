-- $1 DIDs -> what is known of those that have an id.
SELECT a.did, a.id, coalesce(r.rev, 0), r.data, coalesce(r.state, 0), a.status, a.status_at, a.signing_key
FROM actor a LEFT JOIN repo r ON r.actor = a.id
WHERE a.did = ANY ($1::text[])
