-- As subject_edge_insert.sql, for edges whose subject is an account.
WITH known AS MATERIALIZED (
    SELECT s.*, row_number() OVER (PARTITION BY s.rkey, s.actor ORDER BY s.n) > 1
        OR EXISTS (SELECT FROM {edge} t WHERE t.rkey = s.rkey AND t.actor = s.actor)
        OR EXISTS (SELECT FROM duplicate t WHERE t.kind = {kind} AND t.rkey = s.rkey AND t.actor = s.actor) AS replayed,
        v.n IS NOT NULL AND NOT v.waited AND v.subject_actor = s.subject_actor AS keeps,
        CASE WHEN NOT v.waited AND v.subject_actor = s.subject_actor THEN v.quiet WHEN v.n IS NOT NULL THEN true END AS inherited
    FROM stage_{edge} s LEFT JOIN LATERAL (
        SELECT * FROM stage_vacated v WHERE s.is_update AND v.kind = {kind} AND v.n = s.n AND v.rkey = s.rkey) v ON true
    WHERE s.n >= $1 AND s.n < $2
), fresh AS MATERIALIZED (
    SELECT k.*, row_number() OVER (PARTITION BY k.subject_actor, k.actor ORDER BY NOT k.keeps, k.n) > 1
        OR EXISTS (SELECT FROM {edge} t WHERE t.actor = k.actor AND t.subject_actor = k.subject_actor) AS loses
    FROM known k WHERE NOT k.replayed
), won AS (
    INSERT INTO {edge} (rkey, actor, subject_actor, created_at, indexed_at, extra{columns})
    SELECT rkey, actor, subject_actor, created_at, indexed_at, extra{inserted} FROM fresh WHERE NOT loses ORDER BY n
    RETURNING rkey, actor, subject_actor, created_at, indexed_at
), lost AS (
    INSERT INTO duplicate (kind, rkey, actor, subject_actor, created_at, indexed_at, extra{duplicated})
    SELECT {kind}, rkey, actor, subject_actor, created_at, indexed_at, extra{duplicated} FROM fresh WHERE loses
), told AS (
    INSERT INTO stage_change (kind, added, key, actor, subject_actor, sort_at)
    SELECT {kind}, true, rkey, actor, subject_actor, least(created_at, indexed_at) FROM won
)
INSERT INTO stage_actor_delta (actor, followers, follows, posts)
SELECT subject_actor, 1, 0, 0 FROM won WHERE {counted} UNION ALL SELECT actor, 0, 1, 0 FROM won WHERE {counted}
