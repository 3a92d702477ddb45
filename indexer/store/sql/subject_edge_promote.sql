-- Where a wave ($1 <= n < $2) left an (author, subject) without its {edge}, the oldest duplicate takes the place: with its own
-- times, and without a notification. An update that keeps its subject leaves no place.
WITH vacant AS MATERIALIZED (
    SELECT DISTINCT v.subject_key, v.subject_actor, v.actor FROM stage_vacated v
    WHERE v.kind = {kind} AND v.n >= $1 AND v.n < $2 AND NOT v.waited AND NOT (v.is_update AND EXISTS (
        SELECT FROM stage_{edge} s
        WHERE s.n = v.n AND s.rkey = v.rkey AND s.subject_key = v.subject_key AND s.subject_actor = v.subject_actor))
), heir AS MATERIALIZED (
    SELECT d.* FROM vacant v CROSS JOIN LATERAL (
        SELECT * FROM duplicate d WHERE d.kind = {kind} AND d.subject_key = v.subject_key
            AND d.subject_actor = v.subject_actor AND d.actor = v.actor
        ORDER BY d.indexed_at, d.rkey LIMIT 1) d
), taken AS (
    DELETE FROM duplicate t USING heir h WHERE t.kind = {kind} AND t.rkey = h.rkey AND t.actor = h.actor
), won AS (
    INSERT INTO "{edge}" (rkey, actor, subject_key, subject_actor, lag, skew, subject_cid, more)
    SELECT h.rkey, h.actor, h.subject_key, h.subject_actor, edge_lag(h.rkey, h.created_at, h.indexed_at),
        edge_skew(h.rkey, h.created_at, h.indexed_at), CASE WHEN p.cid IS DISTINCT FROM h.subject_cid THEN h.subject_cid END,
        edge_more(h.rkey, h.created_at, h.indexed_at, h.via_key, h.via_actor, h.via_cid, h.extra, true)
    FROM heir h LEFT JOIN LATERAL (
        SELECT * FROM post p WHERE p.rkey = h.subject_key AND p.actor BETWEEN h.subject_actor AND h.subject_actor LIMIT 1) p ON true
    RETURNING rkey, actor, subject_key, subject_actor, edge_sort_at(rkey, lag, more) AS sort_at
), told AS (
    INSERT INTO stage_change (kind, added, key, actor, subject_key, subject_actor, sort_at)
    SELECT {kind}, true, rkey, actor, subject_key, subject_actor, sort_at FROM won WHERE {told}
)
INSERT INTO stage_delta (key, actor, likes, reposts, replies, quotes)
SELECT subject_key, subject_actor, {likes} * count(*), {reposts} * count(*), 0, 0 FROM won GROUP BY subject_key, subject_actor
