-- Forget the words of posts ($1 keys, $2 accounts). The scalar subquery is a probe of the key for each, also where this
-- was planned while the table was still empty.
DELETE FROM post_search
WHERE ctid = ANY (ARRAY(
    SELECT (SELECT s.ctid FROM post_search s WHERE s.rkey = g.rkey AND s.actor = g.actor)
    FROM unnest($1::bigint[], $2::bigint[]) AS g (rkey, actor)
))
