-- As subject_edge_promote.sql, for edges whose subject is an account.
WITH vacant AS MATERIALIZED (
    SELECT DISTINCT v.subject_actor, v.actor FROM stage_vacated v
    WHERE v.kind = {kind} AND v.n >= $1 AND v.n < $2 AND NOT v.waited AND NOT (v.is_update AND EXISTS (
        SELECT FROM stage_{edge} s WHERE s.n = v.n AND s.rkey = v.rkey AND s.subject_actor = v.subject_actor))
), heir AS MATERIALIZED (
    SELECT d.* FROM vacant v CROSS JOIN LATERAL (
        SELECT * FROM duplicate d WHERE d.kind = {kind} AND d.subject_key = 0
            AND d.subject_actor = v.subject_actor AND d.actor = v.actor
        ORDER BY d.indexed_at, d.rkey LIMIT 1) d
), taken AS (
    DELETE FROM duplicate t USING heir h WHERE t.kind = {kind} AND t.rkey = h.rkey AND t.actor = h.actor
), won AS (
    INSERT INTO {edge} (rkey, actor, subject_actor, {columns})
    SELECT rkey, actor, subject_actor, {promoted} FROM heir
    RETURNING rkey, actor, subject_actor, {sort_at} AS sort_at
), told AS (
    INSERT INTO stage_change (kind, added, key, actor, subject_actor, sort_at)
    SELECT {kind}, true, rkey, actor, subject_actor, sort_at FROM won
)
INSERT INTO stage_actor_delta (actor, followers, follows, posts)
SELECT subject_actor, 1, 0, 0 FROM won WHERE {counted} UNION ALL SELECT actor, 0, 1, 0 FROM won WHERE {counted}
