-- $1 account, $2 namespace, $3 key
SELECT payload::text AS payload FROM private_data WHERE actor = $1 AND namespace = $2 AND key = $3;
