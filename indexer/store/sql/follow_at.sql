-- $1 places in the batch, $2 accounts, $3 subjects -> the (place, account, subject) where the account follows the subject just before that place.
SELECT q.place, q.actor, q.subject
FROM unnest($1::integer[], $2::bigint[], $3::bigint[]) AS q (place, actor, subject)
WHERE EXISTS (
    SELECT FROM (
        SELECT rkey, -1 AS since FROM follow t WHERE t.actor = q.actor AND t.subject_actor = q.subject
        UNION ALL
        SELECT rkey, -1 FROM duplicate t WHERE t.kind = 3 AND t.subject_key = 0 AND t.subject_actor = q.subject AND t.actor = q.actor
        UNION ALL
        SELECT rkey, n & 16777215 FROM stage_follow t
        WHERE t.actor = q.actor AND t.subject_actor = q.subject AND n & 16777215 < q.place
    ) f WHERE NOT EXISTS (
        SELECT FROM stage_delete d WHERE d.kind = 3 AND d.rkey = f.rkey AND d.actor = q.actor
            AND d.n & 16777215 < q.place AND d.n & 16777215 > f.since
    ) AND NOT EXISTS (SELECT FROM stage_purge p WHERE p.actor = q.actor AND p.place < q.place AND p.place > f.since)
)
