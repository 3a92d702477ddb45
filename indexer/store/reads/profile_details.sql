-- How many lists, generators and starter packs accounts have, and who follows them where these are at most $2 (else null).
-- Their other counts: actor_counts.sql.
-- $1 ids bigint[], $2 most followers integer
SELECT a.id AS actor,
    (SELECT count(*) FROM record r WHERE r.actor = a.id AND r.kind = 10) AS lists,
    (SELECT count(*) FROM record r WHERE r.actor = a.id AND r.kind = 7) AS feeds,
    (SELECT count(*) FROM record r WHERE r.actor = a.id AND r.kind = 13) AS starter_packs,
    CASE WHEN coalesce((SELECT c.followers FROM actor_count c WHERE c.actor = a.id), 0) <= $2::integer
        THEN ARRAY(SELECT f.actor FROM follow f WHERE f.subject_actor = a.id)
    END AS few_followers
FROM actor a
WHERE a.id = ANY ($1::bigint[]);
