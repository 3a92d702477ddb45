-- Posts and reposts by the accounts that one follows (other than oneself), newest first, with every item of the last one's time. Reads at
-- most $4 entries of each account's own index above the floor: what lies below is never touched.
-- $1 viewer, $2 no later than (ms), $3 no earlier than (ms), $4 at least this many if there are in this window
WITH followed AS MATERIALIZED (
    SELECT subject_actor AS actor FROM follow WHERE actor = $1 AND subject_actor <> $1
), top AS (
    SELECT i.*
    FROM followed f
    CROSS JOIN LATERAL (
        (
            SELECT p.sort_at, p.rkey, p.actor, p.cid, NULL::bigint AS repost_rkey, NULL::bigint AS repost_actor,
                NULL::bigint AS created_at, NULL::bigint AS via_key, NULL::bigint AS via_actor, NULL::bytea AS via_cid,
                NULL::bytea AS subject_cid, NULL::bytea AS extra
            FROM post p
            WHERE p.actor = f.actor AND p.sort_at <= $2 AND p.sort_at >= $3
            ORDER BY p.sort_at DESC
            FETCH FIRST $4 ROWS WITH TIES
        )
        UNION ALL
        (
            SELECT r.sort_at, r.subject_key, r.subject_actor, NULL, r.rkey, r.actor,
                r.created_at, r.via_key, r.via_actor, r.via_cid, coalesce(r.subject_cid, p.cid), r.extra
            FROM reposts r
            JOIN post p ON p.rkey = r.subject_key AND p.actor = r.subject_actor
            WHERE r.actor = f.actor AND r.sort_at <= $2
                AND r.sort_at >= $3
            ORDER BY r.sort_at DESC
            FETCH FIRST $4 ROWS WITH TIES
        )
    ) AS i
    ORDER BY i.sort_at DESC
    FETCH FIRST $4 ROWS WITH TIES
)
SELECT t.sort_at, t.rkey, t.actor, t.cid, t.repost_rkey, t.repost_actor, t.created_at, s.did, t.via_key, v.did AS via_did,
    t.via_cid, t.subject_cid, t.extra
FROM top t
LEFT JOIN actor s ON s.id = t.actor AND t.repost_rkey IS NOT NULL
LEFT JOIN actor v ON v.id = t.via_actor
ORDER BY t.sort_at DESC;
