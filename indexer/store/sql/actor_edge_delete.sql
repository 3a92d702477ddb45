-- Deletes one wave's {edge} records ($1 <= n < $2); as subject_edge_delete.sql, for edges whose subject is an account.
WITH gone AS (
    DELETE FROM {edge} t USING stage_delete d
    WHERE d.kind = {kind} AND d.n >= $1 AND d.n < $2 AND t.rkey = d.rkey AND t.actor = d.actor
    RETURNING d.n, d.is_update, t.rkey, t.actor, t.subject_actor, {quiet} AS quiet
), forgotten AS (
    DELETE FROM duplicate t USING stage_delete d
    WHERE d.kind = {kind} AND d.n >= $1 AND d.n < $2 AND t.kind = {kind} AND t.rkey = d.rkey AND t.actor = d.actor
    RETURNING d.n, d.is_update, t.rkey, t.actor, t.subject_actor
), counted AS (
    INSERT INTO stage_actor_delta (actor, followers, follows, posts)
    SELECT subject_actor, -1, 0, 0 FROM gone WHERE {counted} UNION ALL SELECT actor, 0, -1, 0 FROM gone WHERE {counted}
), told AS (
    INSERT INTO stage_change (kind, added, key, actor, subject_actor) SELECT {kind}, false, rkey, actor, subject_actor FROM gone
)
INSERT INTO stage_vacated (kind, n, rkey, actor, subject_actor, quiet, is_update, waited)
SELECT {kind}, n, rkey, actor, subject_actor, quiet, is_update, false FROM gone
UNION ALL SELECT {kind}, n, rkey, actor, subject_actor, true, is_update, true FROM forgotten WHERE is_update
