SELECT id, path FROM rare_key WHERE id = ANY ($1::bigint[]);
