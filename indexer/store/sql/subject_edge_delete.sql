-- Deletes one wave's {edge} records ($1 <= n < $2): from the table, from the duplicates, from the notices made of them.
-- What was in the table is left in stage_vacated, for the promotion of duplicates and for updates.
WITH found AS MATERIALIZED (
    SELECT d.n, d.is_update,
        (SELECT t.ctid FROM "{edge}" t WHERE {deleted_path} LIMIT 1) AS at,
        (SELECT t.ctid FROM duplicate t WHERE t.rkey = d.rkey AND t.actor BETWEEN d.actor AND d.actor AND t.kind = {kind} LIMIT 1) AS waiting_at
    FROM stage_delete d WHERE d.kind = {kind} AND d.n >= $1 AND d.n < $2
), gone AS MATERIALIZED (
    DELETE FROM "{edge}" t USING found f WHERE t.ctid = f.at
    RETURNING f.n, f.is_update, t.rkey, t.actor, t.subject_key, t.subject_actor, edge_sort_at(t.rkey, t.lag, t.more) AS sort_at,
        (t.more).quiet AS quiet
), forgotten AS (
    DELETE FROM duplicate t USING found f WHERE t.ctid = f.waiting_at
    RETURNING f.n, f.is_update, t.rkey, t.actor, t.subject_key, t.subject_actor
), unnoticed AS (
    DELETE FROM notification t WHERE t.ctid = ANY (ARRAY(
        SELECT n.ctid FROM gone g CROSS JOIN LATERAL (
            SELECT n.ctid FROM notification n WHERE n.record_key = g.rkey AND n.author BETWEEN g.actor AND g.actor AND n.record_kind = {kind} OFFSET 0) n
        WHERE NOT g.is_update))
    RETURNING t.recipient
), told_of_notices AS (
    INSERT INTO stage_change (kind, added, key, actor) SELECT 0, false, 0, recipient FROM unnoticed
), counted AS (
    INSERT INTO stage_delta (key, actor, likes, reposts, replies, quotes)
    SELECT subject_key, subject_actor, -({likes} * count(*)), -({reposts} * count(*)), 0, 0 FROM gone
    GROUP BY subject_key, subject_actor
), told AS (
    INSERT INTO stage_change (kind, added, key, actor, subject_key, subject_actor, sort_at)
    SELECT {kind}, false, rkey, actor, subject_key, subject_actor, sort_at FROM gone WHERE {told}
)
INSERT INTO stage_vacated (kind, n, rkey, actor, subject_key, subject_actor, quiet, is_update, waited)
SELECT {kind}, n, rkey, actor, subject_key, subject_actor, quiet, is_update, false FROM gone
UNION ALL SELECT {kind}, n, rkey, actor, subject_key, subject_actor, true, is_update, true FROM forgotten
