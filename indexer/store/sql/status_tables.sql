-- Estimated rows and bytes (with indexes and TOAST) of our tables, largest first.
SELECT relname::text, n_live_tup, pg_total_relation_size(relid)
FROM pg_stat_user_tables
WHERE schemaname = current_schema()
ORDER BY 3 DESC, 1
