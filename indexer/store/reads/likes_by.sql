-- Likes by an account, newest first, with every like of the last one's time. A key is a time (microseconds << 10), within a
-- day of the like's own but for those in like_untimely: so the $3 latest by key tell below which key there is nothing later.
-- $1 actor, $2 no later than (ms), $3 at least this many if there are
WITH latest AS MATERIALIZED (
    SELECT e.sort_at
    FROM likes e
    WHERE e.actor = $1 AND e.rkey <= (greatest(0, least($2::bigint, 9000000000000)) + 172800000) * 1024000
        AND e.sort_at <= $2
        AND abs(e.sort_at - (e.rkey >> 10) / 1000) <= 86400000
    ORDER BY e.rkey DESC
    LIMIT $3
)
SELECT e.sort_at, e.rkey AS edge_rkey, e.actor AS edge_actor, e.subject_key AS rkey, e.subject_actor AS actor, s.did,
    e.created_at, e.via_key, v.did AS via_did, e.via_cid, coalesce(e.subject_cid, p.cid) AS subject_cid, e.extra
FROM (
    (
        SELECT *
        FROM likes e
        WHERE e.actor = $1 AND e.rkey <= (greatest(0, least($2::bigint, 9000000000000)) + 172800000) * 1024000
            AND e.rkey >= (
                SELECT CASE WHEN count(*) < $3 THEN -9223372036854775808 ELSE (min(sort_at) - 172800000) * 1024000 END
                FROM latest
            )
            AND sort_at <= $2
            AND abs(sort_at - (rkey >> 10) / 1000) <= 86400000
    )
    UNION ALL
    (
        SELECT *
        FROM likes e
        WHERE e.actor = $1 AND sort_at <= $2
            AND abs(sort_at - (rkey >> 10) / 1000) > 86400000
        ORDER BY sort_at DESC
        FETCH FIRST $3 ROWS WITH TIES
    )
    ORDER BY sort_at DESC
    FETCH FIRST $3 ROWS WITH TIES
) AS e
JOIN actor s ON s.id = e.subject_actor
LEFT JOIN actor v ON v.id = e.via_actor
LEFT JOIN post p ON p.rkey = e.subject_key AND p.actor = e.subject_actor AND e.subject_cid IS NULL;
