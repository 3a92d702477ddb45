-- Posts and reposts by one account, newest first, with every item of the last one's time.
-- $1 actor, $2 no later than (ms), $3 at least this many if there are, $4 bits of post.flags of which own posts must have
-- one (0: any post), $5 what beside own root posts: 0 replies and reposts, 1 reposts, 2 reposts and replies in own
-- threads. With $4 only posts.
(
    SELECT p.sort_at, p.rkey, p.actor, p.cid, NULL::bigint AS repost_rkey, NULL::bigint AS repost_actor,
        NULL::bigint AS created_at, NULL::text AS did, NULL::bigint AS via_key, NULL::text AS via_did,
        NULL::bytea AS via_cid, NULL::bytea AS subject_cid, NULL::bytea AS extra
    FROM post p
    WHERE p.actor = $1 AND p.sort_at <= $2
        AND ($4::integer = 0 OR p.flags & $4 <> 0)
        AND ($5::integer = 0 OR p.parent_key IS NULL OR ($5 = 2 AND p.root_actor = $1))
    ORDER BY p.sort_at DESC
    FETCH FIRST $3 ROWS WITH TIES
)
UNION ALL
(
    SELECT r.sort_at, r.subject_key, r.subject_actor, NULL, r.rkey, r.actor, r.created_at, s.did,
        r.via_key, v.did, r.via_cid, coalesce(r.subject_cid, p.cid), r.extra
    FROM reposts r
    JOIN post p ON p.rkey = r.subject_key AND p.actor = r.subject_actor
    JOIN actor s ON s.id = r.subject_actor
    LEFT JOIN actor v ON v.id = r.via_actor
    WHERE $4 = 0 AND r.actor = $1 AND r.sort_at <= $2
    ORDER BY r.sort_at DESC
    FETCH FIRST $3 ROWS WITH TIES
)
ORDER BY sort_at DESC
-- Below this the one kind may have been read further than the other.
FETCH FIRST $3 ROWS WITH TIES;
