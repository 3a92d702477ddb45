-- $1 account, $2 handle, $3 key, $4 PDS, $5 now, $6 when to look again.
UPDATE actor SET handle = $2, signing_key = $3, pds = $4, identity_at = $5, identity_due_at = $6 WHERE id = $1
