-- Which of these posts the author of their thread's first post likes.
-- $1 keys bigint[], $2 actors bigint[], $3 the root's author of each bigint[] (parallel)
SELECT l.subject_key, l.subject_actor, l.rkey
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS k (key, actor, root_actor)
JOIN "like" l ON l.subject_key = k.key AND l.subject_actor = k.actor AND l.actor = k.root_actor;
