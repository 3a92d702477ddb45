-- Finding posts by their words and accounts by their names; counting who keeps a post.

CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE INDEX actor_newest ON actor (indexed_at, did) WHERE handle IS NOT NULL AND indexed_at IS NOT NULL;
CREATE INDEX bookmark_subject ON bookmark (subject_actor, subject_key);

-- What has changed since the words were last looked at, one row a batch: written in the batch's transaction, taken by
-- whoever keeps the tables below (store/search_index.py) behind the stream.
CREATE TABLE search_queue (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    post_keys bigint[] NOT NULL,
    post_actors bigint[] NOT NULL,
    accounts bigint[] NOT NULL
);
ALTER TABLE search_queue ALTER post_keys SET STORAGE EXTERNAL, ALTER post_actors SET STORAGE EXTERNAL;

CREATE TABLE post_search (
    rkey bigint NOT NULL,
    actor bigint NOT NULL,
    sort_at bigint NOT NULL,
    words tsvector NOT NULL,                 -- words and what else a post is found by, see records/words.py
    PRIMARY KEY (rkey, actor)
);
CREATE INDEX post_search_words ON post_search USING gin (words) WITH (gin_pending_list_limit = 1024);

CREATE TABLE actor_search (
    actor bigint PRIMARY KEY,
    names text COLLATE "C" NOT NULL,         -- handle and words of the display name, a space before each
    popularity smallint NOT NULL             -- 4 * log2 (followers + 1), as it was when last looked at
);
CREATE INDEX actor_search_names ON actor_search USING gin (names gin_trgm_ops);
CREATE INDEX actor_search_popularity ON actor_search (popularity DESC, actor);

-- How far all posts and accounts have been gone through: those that were there before the queue was kept.
CREATE TABLE search_progress (
    what text PRIMARY KEY,
    key bigint NOT NULL,
    actor bigint NOT NULL,
    finished boolean NOT NULL
);
INSERT INTO search_progress
SELECT 'posts', -9223372036854775808, 0, NOT EXISTS (SELECT FROM post)
UNION ALL SELECT 'accounts', 0, 0, NOT EXISTS (SELECT FROM actor);
