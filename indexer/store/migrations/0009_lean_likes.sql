-- Likes and reposts in eight columns instead of twelve (a row header of 24 bytes instead of 32), their times as four bytes
-- each beside that of the record key. Each table is copied once, in its own order; nothing is written meanwhile. The views
-- likes and reposts have the columns that the tables had, and sort_at.
--   * lag = sort_at - the key's time, skew = created_at - indexed_at (ms), where both fit four bytes.
--   * more, rarely there, holds what few rows have, and the times of those whose times do not fit.

CREATE TYPE edge_more AS (
    via_key bigint, via_actor bigint, via_cid bytea,
    extra bytea,
    quiet boolean,
    sort_at bigint, skew bigint              -- instead of lag and skew, which are 0 then
);

-- All of these are inlined into the statements that call them with plain columns.
CREATE FUNCTION edge_fits(rkey bigint, created_at bigint, indexed_at bigint) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT abs(least(created_at, indexed_at) - (rkey >> 10) / 1000) <= 2147483647 AND abs(created_at - indexed_at) <= 2147483647
$$;
CREATE FUNCTION edge_lag(rkey bigint, created_at bigint, indexed_at bigint) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN edge_fits(rkey, created_at, indexed_at) THEN (least(created_at, indexed_at) - (rkey >> 10) / 1000)::integer ELSE 0 END
$$;
CREATE FUNCTION edge_skew(rkey bigint, created_at bigint, indexed_at bigint) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN edge_fits(rkey, created_at, indexed_at) THEN (created_at - indexed_at)::integer ELSE 0 END
$$;
CREATE FUNCTION edge_more(rkey bigint, created_at bigint, indexed_at bigint, via_key bigint, via_actor bigint, via_cid bytea,
    extra bytea, quiet boolean) RETURNS edge_more
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN NOT edge_fits(rkey, created_at, indexed_at)
        THEN ROW (via_key, via_actor, via_cid, extra, quiet, least(created_at, indexed_at), created_at - indexed_at)::edge_more
        WHEN coalesce(via_key, via_actor) IS NOT NULL OR extra IS NOT NULL OR quiet IS NOT NULL
        THEN ROW (via_key, via_actor, via_cid, extra, quiet, NULL, NULL)::edge_more
    END
$$;
CREATE FUNCTION edge_sort_at(rkey bigint, lag integer, more edge_more) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce((more).sort_at, (rkey >> 10) / 1000 + lag)
$$;

CREATE TABLE lean_like (
    rkey bigint NOT NULL,
    subject_key bigint NOT NULL,
    actor integer NOT NULL,
    subject_actor integer NOT NULL,
    lag integer NOT NULL,
    skew integer NOT NULL,
    subject_cid bytea,
    more edge_more
);
INSERT INTO lean_like
SELECT rkey, subject_key, actor, subject_actor, edge_lag(rkey, created_at, indexed_at), edge_skew(rkey, created_at, indexed_at),
    subject_cid, edge_more(rkey, created_at, indexed_at, via_key, via_actor, via_cid, extra, quiet)
FROM "like";
DROP TABLE "like";
ALTER TABLE lean_like RENAME TO "like";
ALTER TABLE "like" ADD CONSTRAINT like_pkey PRIMARY KEY (actor, rkey);
CREATE UNIQUE INDEX like_subject ON "like" (subject_key, subject_actor, actor);
CREATE INDEX like_notice ON "like" (subject_actor, ((edge_sort_at(rkey, lag, more) / 21600000)::integer))
    WHERE (more).quiet IS NULL AND actor <> subject_actor;
CREATE INDEX like_untimely ON "like" (actor, (edge_sort_at(rkey, lag, more)))
    WHERE abs(edge_sort_at(rkey, lag, more) - (rkey >> 10) / 1000) > 86400000;

CREATE TABLE lean_repost (LIKE "like");
INSERT INTO lean_repost
SELECT rkey, subject_key, actor, subject_actor, edge_lag(rkey, created_at, indexed_at), edge_skew(rkey, created_at, indexed_at),
    subject_cid, edge_more(rkey, created_at, indexed_at, via_key, via_actor, via_cid, extra, quiet)
FROM repost;
DROP TABLE repost;
ALTER TABLE lean_repost RENAME TO repost;
ALTER TABLE repost ADD CONSTRAINT repost_pkey PRIMARY KEY (rkey, actor);
CREATE UNIQUE INDEX repost_subject ON repost (subject_key, subject_actor, actor);
CREATE INDEX repost_author ON repost (actor, (edge_sort_at(rkey, lag, more)));
CREATE INDEX repost_notice ON repost (subject_actor, ((edge_sort_at(rkey, lag, more) / 21600000)::integer))
    WHERE (more).quiet IS NULL AND actor <> subject_actor;

CREATE VIEW likes AS
SELECT rkey, actor, subject_key, subject_actor, edge_sort_at(rkey, lag, more) AS sort_at,
    edge_sort_at(rkey, lag, more) + greatest(coalesce((more).skew, skew), 0) AS created_at,
    edge_sort_at(rkey, lag, more) - least(coalesce((more).skew, skew), 0) AS indexed_at,
    (more).via_key, (more).via_actor, (more).via_cid, subject_cid, (more).extra, (more).quiet
FROM "like";
CREATE VIEW reposts AS
SELECT rkey, actor, subject_key, subject_actor, edge_sort_at(rkey, lag, more) AS sort_at,
    edge_sort_at(rkey, lag, more) + greatest(coalesce((more).skew, skew), 0) AS created_at,
    edge_sort_at(rkey, lag, more) - least(coalesce((more).skew, skew), 0) AS indexed_at,
    (more).via_key, (more).via_actor, (more).via_cid, subject_cid, (more).extra, (more).quiet
FROM repost;
