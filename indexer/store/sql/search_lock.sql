-- Whether this session may keep the search tables in this transaction.
SELECT pg_try_advisory_xact_lock(7236837)
