-- How many accounts say that they joined through a starter pack, ever and in the last week.
-- $1 keys bigint[], $2 actors bigint[] (parallel)
SELECT k.key, k.actor,
    (SELECT count(*) FROM profile p WHERE p.joined_actor = k.actor AND p.joined_key = k.key) AS all_time,
    (
        SELECT count(*) FROM profile p
        WHERE p.joined_actor = k.actor AND p.joined_key = k.key
            AND p.created_at > extract(epoch FROM now() - interval '7 days') * 1000
    ) AS week
FROM unnest($1::bigint[], $2::bigint[]) AS k (key, actor);
