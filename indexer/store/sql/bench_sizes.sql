-- How many records are indexed, and how much room all tables with their indexes take.
SELECT (SELECT count(*) FROM "like") + (SELECT count(*) FROM repost) + (SELECT count(*) FROM follow) + (SELECT count(*) FROM block)
    + (SELECT count(*) FROM post) + (SELECT count(*) FROM profile) + (SELECT count(*) FROM record)
    + (SELECT count(*) FROM duplicate WHERE kind < 5) AS records,
    (SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace) AS bytes
