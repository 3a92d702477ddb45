-- What changes with every doing of an account: the revision of its repository, the count of its private changes.
-- $1 id
SELECT coalesce(r.rev, 0) AS rev, coalesce(v.version, 0) AS private
FROM (VALUES (1)) AS one
LEFT JOIN repo r ON r.actor = $1
LEFT JOIN private_version v ON v.actor = $1;
