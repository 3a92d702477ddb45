-- Leave word that the names of account $1 changed.
INSERT INTO search_queue (post_keys, post_actors, accounts) VALUES ('{}', '{}', ARRAY[$1::bigint])
