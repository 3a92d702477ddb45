-- What a viewer has put on posts; only posts with something on them.
-- $1 keys bigint[], $2 actors bigint[], $3 keys bigint[], $4 actors bigint[] of the threads' first posts (all parallel),
-- $5 viewer
SELECT m.*
FROM (
    SELECT k.rkey, k.actor,
        (
            SELECT l.rkey FROM "like" l
            WHERE l.subject_key = k.rkey AND l.subject_actor = k.actor AND l.actor = $5::bigint
        ) AS "like",
        (
            SELECT r.rkey FROM repost r WHERE r.subject_key = k.rkey AND r.subject_actor = k.actor AND r.actor = $5
        ) AS repost,
        EXISTS (
            SELECT FROM bookmark b WHERE b.actor = $5 AND b.subject_actor = k.actor AND b.subject_key = k.rkey
        ) AS bookmarked,
        EXISTS (
            SELECT FROM thread_mute t WHERE t.actor = $5 AND t.root_actor = k.root_actor AND t.root_key = k.root_key
        ) AS thread_muted
    FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) AS k (rkey, actor, root_key, root_actor)
) AS m
WHERE m."like" IS NOT NULL OR m.repost IS NOT NULL OR m.bookmarked OR m.thread_muted;
