-- Finding accounts by parts of their handles, and counting who keeps a post.

CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE INDEX actor_handle_search ON actor USING gin (handle gin_trgm_ops) WHERE handle IS NOT NULL;
CREATE INDEX actor_newest ON actor (indexed_at, did) WHERE handle IS NOT NULL AND indexed_at IS NOT NULL;
CREATE INDEX bookmark_subject ON bookmark (subject_actor, subject_key);
