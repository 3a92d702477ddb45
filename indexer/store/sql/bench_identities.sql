-- Accounts ($1 DIDs) as if their identities had been looked at: $2 handles, $3 keys. For the benchmark of reads.
UPDATE actor a SET handle = i.handle, signing_key = i.key, identity_at = 0, identity_due_at = 9000000000000
FROM unnest($1::text[], $2::text[], $3::bytea[]) AS i (did, handle, key) WHERE a.did = i.did
