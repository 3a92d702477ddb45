-- The revision of an account's repository that was indexed last.
-- $1 id
SELECT rev FROM repo WHERE actor = $1;
