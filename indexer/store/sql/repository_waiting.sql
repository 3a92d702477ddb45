-- $1 at most -> (DID, account) of repositories that are not synchronized, of accounts that are not known to be gone.
SELECT a.did, r.actor FROM repo r JOIN actor a ON a.id = r.actor
WHERE r.state <> 0 AND a.status NOT IN (2, 3, 4) ORDER BY r.actor LIMIT $1
