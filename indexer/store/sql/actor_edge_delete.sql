-- Deletes one wave's {edge} records ($1 <= n < $2); as subject_edge_delete.sql, for edges whose subject is an account.
WITH found AS MATERIALIZED (
    SELECT d.n, d.is_update,
        (SELECT t.ctid FROM {edge} t WHERE t.rkey = d.rkey AND t.actor BETWEEN d.actor AND d.actor LIMIT 1) AS at,
        (SELECT t.ctid FROM duplicate t WHERE t.rkey = d.rkey AND t.actor BETWEEN d.actor AND d.actor AND t.kind = {kind} LIMIT 1) AS waiting_at
    FROM stage_delete d WHERE d.kind = {kind} AND d.n >= $1 AND d.n < $2
), gone AS MATERIALIZED (
    DELETE FROM {edge} t USING found f WHERE t.ctid = f.at
    RETURNING f.n, f.is_update, t.rkey, t.actor, t.subject_actor, {quiet} AS quiet
), forgotten AS (
    DELETE FROM duplicate t USING found f WHERE t.ctid = f.waiting_at
    RETURNING f.n, f.is_update, t.rkey, t.actor, t.subject_actor
), counted AS (
    INSERT INTO stage_actor_delta (actor, followers, follows, posts)
    SELECT subject_actor, -1, 0, 0 FROM gone WHERE {counted} UNION ALL SELECT actor, 0, -1, 0 FROM gone WHERE {counted}
), told AS (
    INSERT INTO stage_change (kind, added, key, actor, subject_actor) SELECT {kind}, false, rkey, actor, subject_actor FROM gone
)
INSERT INTO stage_vacated (kind, n, rkey, actor, subject_actor, quiet, is_update, waited)
SELECT {kind}, n, rkey, actor, subject_actor, quiet, is_update, false FROM gone
UNION ALL SELECT {kind}, n, rkey, actor, subject_actor, true, is_update, true FROM forgotten
