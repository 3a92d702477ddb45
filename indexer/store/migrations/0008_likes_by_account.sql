-- Likes have one index by account, not two: the primary key, by account and then by record key, which is a time. Where that
-- time is not within a day of the like's own, the like is in like_untimely as well, so that an account's likes are read in
-- their order (reads/likes_by.sql).
ALTER TABLE "like" DROP CONSTRAINT like_pkey;
DROP INDEX like_author;
ALTER TABLE "like" ADD PRIMARY KEY (actor, rkey);
CREATE INDEX like_untimely ON "like" (actor, (least(created_at, indexed_at)))
    WHERE abs(least(created_at, indexed_at) - (rkey >> 10) / 1000) > 86400000;
