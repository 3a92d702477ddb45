-- Deletes one wave's posts ($1 <= n < $2) with the notices made of them. Replies, quotes, likes and reposts of them stay; likes and
-- reposts that leaned on a post's CID keep it themselves from now on. (Rows are found by their place: see subject_edge_insert.sql.)
WITH found AS MATERIALIZED (
    SELECT (SELECT t.ctid FROM post t WHERE t.rkey = d.rkey AND t.actor BETWEEN d.actor AND d.actor LIMIT 1) AS at
    FROM stage_delete d WHERE d.kind = 5 AND d.n >= $1 AND d.n < $2
), gone AS MATERIALIZED (
    DELETE FROM post t WHERE t.ctid = ANY (ARRAY(SELECT at FROM found WHERE at IS NOT NULL))
    RETURNING t.rkey, t.actor, t.cid, t.parent_key, t.parent_actor, t.quote_key, t.quote_actor, t.flags, t.sort_at
), unnoticed AS (
    DELETE FROM notification t WHERE t.ctid = ANY (ARRAY(
        SELECT n.ctid FROM gone g CROSS JOIN LATERAL (
            SELECT n.ctid FROM notification n WHERE n.record_key = g.rkey AND n.author BETWEEN g.actor AND g.actor AND n.record_kind = 5 OFFSET 0) n))
    RETURNING t.recipient
), told_of_notices AS (
    INSERT INTO stage_change (kind, added, key, actor) SELECT 0, false, 0, recipient FROM unnoticed
), likes AS (
    UPDATE "like" t SET subject_cid = (SELECT g.cid FROM gone g WHERE g.rkey = t.subject_key AND g.actor = t.subject_actor)
    WHERE t.ctid = ANY (ARRAY(
        SELECT l.ctid FROM gone g CROSS JOIN LATERAL (
            SELECT l.ctid FROM "like" l WHERE l.subject_key = g.rkey AND l.subject_actor BETWEEN g.actor AND g.actor AND l.subject_cid IS NULL OFFSET 0) l))
), reposts AS (
    UPDATE repost t SET subject_cid = (SELECT g.cid FROM gone g WHERE g.rkey = t.subject_key AND g.actor = t.subject_actor)
    WHERE t.ctid = ANY (ARRAY(
        SELECT l.ctid FROM gone g CROSS JOIN LATERAL (
            SELECT l.ctid FROM repost l WHERE l.subject_key = g.rkey AND l.subject_actor BETWEEN g.actor AND g.actor AND l.subject_cid IS NULL OFFSET 0) l))
), counted AS (
    INSERT INTO stage_delta (key, actor, likes, reposts, replies, quotes)
    SELECT parent_key, parent_actor, 0, 0, -1, 0 FROM gone WHERE parent_key IS NOT NULL AND flags & 256 = 0
    UNION ALL SELECT quote_key, quote_actor, 0, 0, 0, -1 FROM gone WHERE quote_key IS NOT NULL
), counted_authors AS (
    INSERT INTO stage_actor_delta (actor, followers, follows, posts) SELECT actor, 0, 0, -count(*) FROM gone GROUP BY actor
)
INSERT INTO stage_change (kind, added, key, actor, sort_at) SELECT 5, false, rkey, actor, sort_at FROM gone
