-- Whatever the deleted account $1 has in {table}.
DELETE FROM {table} WHERE actor = $1 AND {condition}
