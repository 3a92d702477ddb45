-- Inserts those of one wave's {edge} records ($1 <= n < $2, but none of $3) that meet no other record, in the order of their
-- subjects (whose pages of the tables and indexes are then near). Fails where a path is in the table already.
WITH noticed AS (
    INSERT INTO notification (recipient, sort_at, author, reason, record_kind, record_key, subject_kind, subject_key, subject_actor)
    SELECT via_actor, least(created_at, indexed_at), actor, {via_reason}, {kind}, rkey, 2, via_key, via_actor FROM stage_{edge}
    WHERE n >= $1 AND n < $2 AND n NOT IN (SELECT unnest($3::integer[])) AND via_key IS NOT NULL AND via_actor <> actor AND subject_actor <> actor
        AND NOT EXISTS (SELECT FROM stage_purge p WHERE p.actor = via_actor AND p.place > n & 16777215)
    RETURNING recipient
), told_of_notices AS (
    INSERT INTO stage_change (kind, added, key, actor) SELECT 0, true, 0, recipient FROM noticed
), told AS (
    INSERT INTO stage_change (kind, added, key, actor, subject_key, subject_actor, sort_at)
    SELECT {kind}, true, rkey, actor, subject_key, subject_actor, least(created_at, indexed_at) FROM stage_{edge}
    WHERE {told} AND n >= $1 AND n < $2 AND n NOT IN (SELECT unnest($3::integer[]))
), counted AS (
    INSERT INTO stage_delta (key, actor, likes, reposts, replies, quotes)
    SELECT subject_key, subject_actor, {likes} * count(*), {reposts} * count(*), 0, 0 FROM stage_{edge}
    WHERE n >= $1 AND n < $2 AND n NOT IN (SELECT unnest($3::integer[])) GROUP BY subject_key, subject_actor
)
INSERT INTO "{edge}" (rkey, actor, subject_key, subject_actor, lag, skew, subject_cid, more)
SELECT r.rkey, r.actor, r.subject_key, r.subject_actor, edge_lag(r.rkey, r.created_at, r.indexed_at),
    edge_skew(r.rkey, r.created_at, r.indexed_at), r.own_cid,
    edge_more(r.rkey, r.created_at, r.indexed_at, r.via_key, r.via_actor, r.via_cid, r.extra, r.quiet)
FROM (
    SELECT s.*, CASE WHEN p.cid IS DISTINCT FROM s.subject_cid THEN s.subject_cid END AS own_cid,
        CASE WHEN (SELECT EXISTS (SELECT FROM thread_mute)) AND EXISTS (
            SELECT FROM thread_mute m WHERE m.actor = s.subject_actor
            AND m.root_actor = coalesce(p.root_actor, p.actor) AND m.root_key = coalesce(p.root_key, p.rkey)) THEN true END AS quiet
    FROM (SELECT * FROM stage_{edge} WHERE n >= $1 AND n < $2 AND n NOT IN (SELECT unnest($3::integer[]))) s
    LEFT JOIN LATERAL (
        SELECT * FROM post p WHERE p.rkey = s.subject_key AND p.actor BETWEEN s.subject_actor AND s.subject_actor LIMIT 1) p ON true
    OFFSET 0) r
