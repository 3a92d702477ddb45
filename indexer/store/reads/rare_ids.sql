SELECT id, path FROM rare_key WHERE path = ANY ($1::text[]);
