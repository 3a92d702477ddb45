-- As subject_edge_insert.sql, for edges whose subject is an account.
WITH known AS (
    SELECT s.*, row_number() OVER (PARTITION BY s.rkey, s.actor ORDER BY s.n) > 1
        OR (SELECT true FROM {edge} t
            WHERE t.rkey = s.rkey AND t.actor BETWEEN s.actor AND s.actor LIMIT 1) IS NOT NULL
        OR (SELECT true FROM duplicate t WHERE t.rkey = s.rkey AND t.actor BETWEEN s.actor AND s.actor AND t.kind = {kind} LIMIT 1) IS NOT NULL AS replayed,
        CASE WHEN s.is_update THEN (
            SELECT v FROM stage_vacated v WHERE v.kind = {kind} AND v.n = s.n AND v.rkey = s.rkey LIMIT 1) END AS v,
        CASE WHEN (s.subject_actor, s.actor) IN (
                SELECT v.subject_actor, v.actor FROM stage_vacated v WHERE v.kind = {kind} AND v.n >= $1 AND v.n < $2)
            THEN (SELECT true FROM stage_vacated v WHERE v.kind = {kind} AND v.n >= $1 AND v.n < $2 AND v.actor = s.actor
                AND v.subject_actor = s.subject_actor AND v.n & 16777215 > s.n & 16777215 LIMIT 1) IS NOT NULL
            ELSE false END AS waited
    FROM stage_{edge} s WHERE s.n >= $1 AND s.n < $2
), settled AS (
    SELECT k.*, k.is_update AND (k.v).n IS NOT NULL AND NOT (k.v).waited AND (k.v).subject_actor = k.subject_actor AS keeps,
        CASE WHEN (k.v).n IS NULL THEN NULL
            WHEN NOT (k.v).waited AND (k.v).subject_actor = k.subject_actor THEN (k.v).quiet ELSE true END AS inherited
    FROM known k WHERE NOT k.replayed
), fresh AS MATERIALIZED (
    SELECT q.*, row_number() OVER (PARTITION BY q.subject_actor, q.actor ORDER BY NOT q.keeps, NOT q.waited,
            CASE WHEN q.waited THEN q.indexed_at END, CASE WHEN q.waited THEN q.rkey END, q.n) > 1
        OR (SELECT true FROM {edge} t WHERE t.actor = q.actor AND t.subject_actor BETWEEN q.subject_actor AND q.subject_actor LIMIT 1) IS NOT NULL AS loses
    FROM settled q
), won AS (
    INSERT INTO {edge} (rkey, actor, subject_actor, {columns})
    SELECT rkey, actor, subject_actor, {inserted} FROM fresh WHERE NOT loses ORDER BY n
    RETURNING rkey, actor, subject_actor, {sort_at} AS sort_at
), lost AS (
    INSERT INTO duplicate (kind, rkey, actor, subject_actor, created_at, indexed_at, extra{duplicated})
    SELECT {kind}, rkey, actor, subject_actor, created_at, indexed_at, extra{duplicated} FROM fresh WHERE loses
), told AS (
    INSERT INTO stage_change (kind, added, key, actor, subject_actor, sort_at)
    SELECT {kind}, true, rkey, actor, subject_actor, sort_at FROM won
)
INSERT INTO stage_actor_delta (actor, followers, follows, posts)
SELECT subject_actor, 1, 0, 0 FROM won WHERE {counted} UNION ALL SELECT actor, 0, 1, 0 FROM won WHERE {counted}
