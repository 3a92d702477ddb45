-- How many notifications of an account came after a time, counted up to 10,000 of each sort.
-- $1 account, $2 later than (ms)
SELECT
    (SELECT count(*) FROM (
        SELECT FROM likes
        WHERE subject_actor = $1 AND quiet IS NULL AND actor <> subject_actor
            AND (sort_at / 21600000)::integer >= ($2::bigint / 21600000) AND sort_at > $2
        LIMIT 10000
    ) AS likes)
    + (SELECT count(*) FROM (
        SELECT FROM reposts
        WHERE subject_actor = $1 AND quiet IS NULL AND actor <> subject_actor
            AND (sort_at / 21600000)::integer >= ($2::bigint / 21600000) AND sort_at > $2
        LIMIT 10000
    ) AS reposts)
    + (SELECT count(*) FROM (
        SELECT FROM follows
        WHERE subject_actor = $1 AND quiet IS NULL AND sort_at > $2
        LIMIT 10000
    ) AS follows)
    + (SELECT count(*) FROM (
        SELECT FROM notification WHERE recipient = $1 AND sort_at > $2 LIMIT 10000
    ) AS others) AS count;
