-- Deletes one wave's posts ($1 <= n < $2) with the notices made of them. Replies, quotes, likes and reposts of them stay; likes and
-- reposts that leaned on a post's CID keep it themselves from now on.
WITH gone AS MATERIALIZED (
    DELETE FROM post t USING stage_delete d
    WHERE d.kind = 5 AND d.n >= $1 AND d.n < $2 AND t.rkey = d.rkey AND t.actor = d.actor
    RETURNING t.rkey, t.actor, t.cid, t.parent_key, t.parent_actor, t.quote_key, t.quote_actor, t.flags, t.sort_at
), unnoticed AS (
    DELETE FROM notification t USING gone g WHERE t.record_key = g.rkey AND t.author = g.actor AND t.record_kind = 5
), likes AS (
    UPDATE "like" t SET subject_cid = g.cid FROM gone g
    WHERE t.subject_key = g.rkey AND t.subject_actor = g.actor AND t.subject_cid IS NULL
), reposts AS (
    UPDATE repost t SET subject_cid = g.cid FROM gone g
    WHERE t.subject_key = g.rkey AND t.subject_actor = g.actor AND t.subject_cid IS NULL
), counted AS (
    INSERT INTO stage_delta (key, actor, likes, reposts, replies, quotes)
    SELECT parent_key, parent_actor, 0, 0, -1, 0 FROM gone WHERE parent_key IS NOT NULL AND flags & 256 = 0
    UNION ALL SELECT quote_key, quote_actor, 0, 0, 0, -1 FROM gone WHERE quote_key IS NOT NULL
), counted_authors AS (
    INSERT INTO stage_actor_delta (actor, followers, follows, posts) SELECT actor, 0, 0, -count(*) FROM gone GROUP BY actor
)
INSERT INTO stage_change (kind, added, key, actor, sort_at) SELECT 5, false, rkey, actor, sort_at FROM gone
