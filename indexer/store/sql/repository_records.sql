-- $1 account -> (kind, key, path of a rare key, digest of the CID) of its posts, its profile and everything that stands in record.
SELECT {post} AS kind, p.rkey AS key, k.path, p.cid FROM post p LEFT JOIN rare_key k ON k.id = p.rkey WHERE p.actor = $1
UNION ALL
SELECT r.kind, r.key, k.path, r.cid FROM record r LEFT JOIN rare_key k ON k.id = r.key WHERE r.actor = $1
UNION ALL
SELECT {profile}, 0, '{profile_path}', f.cid FROM profile f WHERE f.actor = $1
