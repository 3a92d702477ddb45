-- Posts as likes and follows are (0009, 0010): account ids in four bytes, in an order that leaves no gaps between columns. The
-- table is copied once, in its own order.
CREATE TABLE lean_post (
    rkey bigint NOT NULL,
    sort_at bigint NOT NULL,
    indexed_at bigint NOT NULL,
    actor integer NOT NULL,
    flags integer NOT NULL DEFAULT 0,        -- bits in indexer/records/post_flags.py
    parent_key bigint, root_key bigint, quote_key bigint,
    parent_actor integer, root_actor integer, quote_actor integer,
    cid bytea NOT NULL,
    record bytea NOT NULL
);
INSERT INTO lean_post
SELECT rkey, sort_at, indexed_at, actor, flags, parent_key, root_key, quote_key, parent_actor, root_actor, quote_actor, cid, record
FROM post;
DROP TABLE post;
ALTER TABLE lean_post RENAME TO post;
ALTER TABLE post ADD CONSTRAINT post_pkey PRIMARY KEY (rkey, actor);
CREATE INDEX post_author ON post (actor, sort_at);
CREATE INDEX post_parent ON post (parent_key, parent_actor) WHERE parent_key IS NOT NULL;
CREATE INDEX post_quote ON post (quote_key, quote_actor) WHERE quote_key IS NOT NULL;
