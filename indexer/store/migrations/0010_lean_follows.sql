-- Follows as likes are (0009): account ids in four bytes, times beside that of the record key, the rest in one column. The
-- table is copied once, in its own order. The view follows has the columns that the table had, and sort_at.
CREATE TABLE lean_follow (
    rkey bigint NOT NULL,
    actor integer NOT NULL,
    subject_actor integer NOT NULL,
    lag integer NOT NULL,
    skew integer NOT NULL,
    more edge_more
);
INSERT INTO lean_follow
SELECT rkey, actor, subject_actor, edge_lag(rkey, created_at, indexed_at), edge_skew(rkey, created_at, indexed_at),
    edge_more(rkey, created_at, indexed_at, via_key, via_actor, via_cid, extra, quiet)
FROM follow;
DROP TABLE follow;
ALTER TABLE lean_follow RENAME TO follow;
ALTER TABLE follow ADD CONSTRAINT follow_pkey PRIMARY KEY (rkey, actor);
CREATE UNIQUE INDEX follow_pair ON follow (actor, subject_actor);
CREATE INDEX follow_subject ON follow (subject_actor, (edge_sort_at(rkey, lag, more)));  -- followers and notices

CREATE VIEW follows AS
SELECT rkey, actor, subject_actor, edge_sort_at(rkey, lag, more) AS sort_at,
    edge_sort_at(rkey, lag, more) + greatest(coalesce((more).skew, skew), 0) AS created_at,
    edge_sort_at(rkey, lag, more) - least(coalesce((more).skew, skew), 0) AS indexed_at,
    (more).via_key, (more).via_actor, (more).via_cid, (more).extra, (more).quiet
FROM follow;
