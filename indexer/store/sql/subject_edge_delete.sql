-- Deletes one wave's {edge} records ($1 <= n < $2): from the table, from the duplicates, from the notices made of them.
-- What was in the table is left in stage_vacated, for the promotion of duplicates and for updates.
WITH gone AS (
    DELETE FROM "{edge}" t USING stage_delete d
    WHERE d.kind = {kind} AND d.n >= $1 AND d.n < $2 AND t.rkey = d.rkey AND t.actor = d.actor
    RETURNING d.n, d.is_update, t.rkey, t.actor, t.subject_key, t.subject_actor, t.created_at, t.indexed_at, t.quiet
), forgotten AS (
    DELETE FROM duplicate t USING stage_delete d
    WHERE d.kind = {kind} AND d.n >= $1 AND d.n < $2 AND t.kind = {kind} AND t.rkey = d.rkey AND t.actor = d.actor
    RETURNING d.n, d.is_update, t.rkey, t.actor, t.subject_key, t.subject_actor
), unnoticed AS (
    DELETE FROM notification t USING gone g
    WHERE NOT g.is_update AND t.record_key = g.rkey AND t.author = g.actor AND t.record_kind = {kind}
), counted AS (
    INSERT INTO stage_delta (key, actor, likes, reposts, replies, quotes)
    SELECT subject_key, subject_actor, -({likes} * count(*)), -({reposts} * count(*)), 0, 0 FROM gone
    GROUP BY subject_key, subject_actor
), told AS (
    INSERT INTO stage_change (kind, added, key, actor, subject_key, subject_actor, sort_at)
    SELECT {kind}, false, rkey, actor, subject_key, subject_actor, least(created_at, indexed_at) FROM gone WHERE {told}
)
INSERT INTO stage_vacated (kind, n, rkey, actor, subject_key, subject_actor, quiet, is_update, waited)
SELECT {kind}, n, rkey, actor, subject_key, subject_actor, quiet, is_update, false FROM gone
UNION ALL SELECT {kind}, n, rkey, actor, subject_key, subject_actor, true, is_update, true FROM forgotten WHERE is_update
