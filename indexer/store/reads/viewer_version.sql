-- What changes with every doing of an account: the revision of its repository, the count of its private changes.
-- $1 ids bigint[]
SELECT one.id, coalesce(r.rev, 0) AS rev, coalesce(v.version, 0) AS private
FROM unnest($1::bigint[]) AS one (id)
LEFT JOIN repo r ON r.actor = one.id
LEFT JOIN private_version v ON v.actor = one.id;
