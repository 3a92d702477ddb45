-- Waits until no other shard's transaction is under way: two at once would not see each other's posts, so that a reply might not notify
-- the author of a post that comes at the same moment. Until the end of the transaction.
SELECT pg_advisory_xact_lock(7205759403792794)
