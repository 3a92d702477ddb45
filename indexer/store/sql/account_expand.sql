-- The deletion of an account ($1) at n ($2) is the deletion of all its edges and posts, one by one, duplicates included.
INSERT INTO stage_delete (n, kind, rkey, actor, is_update)
SELECT $2::integer, kind, rkey, $1::bigint, false FROM (
    SELECT 1::smallint AS kind, rkey FROM "like" WHERE actor = $1
    UNION ALL SELECT 2, rkey FROM repost WHERE actor = $1
    UNION ALL SELECT 3, rkey FROM follow WHERE actor = $1
    UNION ALL SELECT 4, rkey FROM block WHERE actor = $1
    UNION ALL SELECT 5, rkey FROM post WHERE actor = $1
    UNION ALL SELECT kind, rkey FROM duplicate WHERE actor = $1 AND kind <= 4) AS own
