-- Everything that accounts have put on posts, as far as it is little: at most $2 of each kind come, so $2 of one say that there
-- may be more. Columns are flat arrays: key and author of the post, and of likes and reposts the record key.
-- $1 ids bigint[], $2 most integer
SELECT one.id,
    ARRAY(SELECT unnest(ARRAY[x.subject_key, x.subject_actor, x.rkey])
        FROM (SELECT l.* FROM "like" l WHERE l.actor = one.id LIMIT $2) AS x) AS likes,
    ARRAY(SELECT unnest(ARRAY[x.subject_key, x.subject_actor, x.rkey])
        FROM (SELECT r.* FROM repost r WHERE r.actor = one.id LIMIT $2) AS x) AS reposts,
    ARRAY(SELECT unnest(ARRAY[x.subject_key, x.subject_actor])
        FROM (SELECT b.* FROM bookmark b WHERE b.actor = one.id LIMIT $2) AS x) AS bookmarks,
    ARRAY(SELECT unnest(ARRAY[x.root_key, x.root_actor])
        FROM (SELECT t.* FROM thread_mute t WHERE t.actor = one.id LIMIT $2) AS x) AS muted_threads
FROM unnest($1::bigint[]) AS one (id);
