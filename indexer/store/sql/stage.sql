-- The writer's staging tables, one set per connection, emptied at each commit. Their columns are the batch's binary COPY
-- columns, in order. n = wave << 24 | place of the op in the batch (stream order).
CREATE TEMP TABLE stage_like (n integer NOT NULL, rkey bigint NOT NULL, actor bigint NOT NULL, subject_key bigint NOT NULL,
    subject_actor bigint NOT NULL, created_at bigint NOT NULL, indexed_at bigint NOT NULL, via_key bigint, via_actor bigint,
    via_cid bytea, subject_cid bytea NOT NULL, extra bytea, repeated boolean NOT NULL, is_update boolean NOT NULL)
    ON COMMIT DELETE ROWS;  -- repeated: another row of the wave has the same account and subject
CREATE TEMP TABLE stage_repost (LIKE stage_like) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE stage_follow (n integer NOT NULL, rkey bigint NOT NULL, actor bigint NOT NULL, subject_actor bigint NOT NULL,
    created_at bigint NOT NULL, indexed_at bigint NOT NULL, via_key bigint, via_actor bigint, via_cid bytea, extra bytea,
    is_update boolean NOT NULL) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE stage_block (n integer NOT NULL, rkey bigint NOT NULL, actor bigint NOT NULL, subject_actor bigint NOT NULL,
    created_at bigint NOT NULL, indexed_at bigint NOT NULL, extra bytea, is_update boolean NOT NULL) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE stage_delete (n integer NOT NULL, kind smallint NOT NULL, rkey bigint NOT NULL, actor bigint NOT NULL,
    is_update boolean NOT NULL) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE stage_post (n integer NOT NULL, rkey bigint NOT NULL, actor bigint NOT NULL, sort_at bigint NOT NULL,
    indexed_at bigint NOT NULL, parent_key bigint, parent_actor bigint, root_key bigint, root_actor bigint,
    quote_key bigint, quote_actor bigint, flags integer NOT NULL, cid bytea NOT NULL, record bytea NOT NULL,
    is_update boolean NOT NULL) ON COMMIT DELETE ROWS;
ALTER TABLE stage_post ALTER COLUMN record SET STORAGE EXTERNAL;  -- compressed once, in the table that stays
CREATE TEMP TABLE stage_repo (actor bigint NOT NULL, rev bigint NOT NULL, data bytea, first_at bigint NOT NULL) ON COMMIT DELETE ROWS;

-- What the statements of one transaction tell the later ones.
-- stage_vacated: edges that were deleted, by kind (the collection's code); waited: from the duplicates, not from their table.
CREATE TEMP TABLE stage_vacated (kind smallint NOT NULL, n integer NOT NULL, rkey bigint NOT NULL, actor bigint NOT NULL,
    subject_key bigint, subject_actor bigint NOT NULL, quiet boolean, is_update boolean NOT NULL, waited boolean NOT NULL) ON COMMIT DELETE ROWS;
CREATE INDEX ON stage_vacated (actor, kind);
-- stage_delta, stage_actor_delta: by how much counts change; summed once per batch.
CREATE TEMP TABLE stage_delta (key bigint NOT NULL, actor bigint NOT NULL, likes integer NOT NULL, reposts integer NOT NULL,
    replies integer NOT NULL, quotes integer NOT NULL) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE stage_actor_delta (actor bigint NOT NULL, followers integer NOT NULL, follows integer NOT NULL,
    posts integer NOT NULL) ON COMMIT DELETE ROWS;
-- stage_change: what the caches must hear of, in the order of the statements. added: true for a row that came. Kind 0 says that the
-- account gained or lost rows of `notification` (store/deltas.py).
CREATE TEMP TABLE stage_change (kind smallint NOT NULL, added boolean NOT NULL, key bigint NOT NULL,
    actor bigint NOT NULL, subject_key bigint, subject_actor bigint, sort_at bigint) ON COMMIT DELETE ROWS
;
-- stage_purge: accounts that were deleted in this batch, and where in the stream.
CREATE TEMP TABLE stage_purge (actor bigint NOT NULL, place integer NOT NULL) ON COMMIT DELETE ROWS
