-- Inserts one wave's {edge} records ($1 <= n < $2): those of $3, or all where it is null. A path that exists already is a replay: nothing happens. Of several records
-- of one author about one subject the first stays in the table (an update that keeps its subject keeps its
-- place), the others wait in `duplicate`. One that waited for a record deleted later in the wave comes as a promoted one does: oldest
-- first, without a notification.
-- Probes are scalar subqueries with a limit, not EXISTS, and ask for the last column of the key as a range: so the planner, which knows nothing of
-- the staging tables, can neither hash a whole table nor prefer an index on the account alone.
WITH known AS (
    SELECT s.*, row_number() OVER (PARTITION BY s.rkey, s.actor ORDER BY s.n) > 1
        OR (SELECT true FROM "{edge}" t
            WHERE {staged_path} LIMIT 1) IS NOT NULL
        OR (SELECT true FROM duplicate t WHERE t.rkey = s.rkey AND t.actor BETWEEN s.actor AND s.actor AND t.kind = {kind} LIMIT 1) IS NOT NULL AS replayed,
        CASE WHEN s.is_update THEN (
            SELECT v FROM stage_vacated v WHERE v.kind = {kind} AND v.n = s.n AND v.rkey = s.rkey LIMIT 1) END AS v,
        CASE WHEN (s.subject_key, s.subject_actor, s.actor) IN (
                SELECT v.subject_key, v.subject_actor, v.actor FROM stage_vacated v WHERE v.kind = {kind} AND v.n >= $1 AND v.n < $2)
            THEN (SELECT true FROM stage_vacated v WHERE v.kind = {kind} AND v.n >= $1 AND v.n < $2 AND v.actor = s.actor
                AND v.subject_key = s.subject_key AND v.subject_actor = s.subject_actor
                AND v.n & 16777215 > s.n & 16777215 LIMIT 1) IS NOT NULL
            ELSE false END AS waited
    FROM stage_{edge} s WHERE s.n >= $1 AND s.n < $2 AND CASE WHEN $3::integer[] IS NULL THEN true ELSE s.n IN (SELECT unnest($3::integer[])) END
), settled AS (
    SELECT k.*, (k.v).n IS NOT NULL AS replaces, (k.v).quiet AS was_quiet,
        k.is_update AND (k.v).n IS NOT NULL AND NOT (k.v).waited
            AND (k.v).subject_key = k.subject_key AND (k.v).subject_actor = k.subject_actor AS keeps
    FROM known k WHERE NOT k.replayed
), fresh AS MATERIALIZED (
    SELECT q.*, row_number() OVER (PARTITION BY q.subject_key, q.subject_actor, q.actor ORDER BY NOT q.keeps, NOT q.waited,
            CASE WHEN q.waited THEN q.indexed_at END, CASE WHEN q.waited THEN q.rkey END, q.n) > 1
        OR (SELECT true FROM "{edge}" t
            WHERE t.subject_key = q.subject_key AND t.subject_actor = q.subject_actor AND t.actor BETWEEN q.actor AND q.actor LIMIT 1) IS NOT NULL AS loses
    FROM settled q
), won AS (
    INSERT INTO "{edge}" (rkey, actor, subject_key, subject_actor, lag, skew, subject_cid, more)
    SELECT r.rkey, r.actor, r.subject_key, r.subject_actor, edge_lag(r.rkey, r.created_at, r.indexed_at),
        edge_skew(r.rkey, r.created_at, r.indexed_at), r.own_cid,
        edge_more(r.rkey, r.created_at, r.indexed_at, r.via_key, r.via_actor, r.via_cid, r.extra, r.quiet)
    FROM (
        SELECT f.*, CASE WHEN p.cid IS DISTINCT FROM f.subject_cid THEN f.subject_cid END AS own_cid,
            CASE WHEN f.keeps THEN f.was_quiet
                WHEN f.replaces OR f.waited THEN true
                WHEN (SELECT EXISTS (SELECT FROM thread_mute)) AND EXISTS (
                    SELECT FROM thread_mute m WHERE m.actor = f.subject_actor
                    AND m.root_actor = coalesce(p.root_actor, p.actor) AND m.root_key = coalesce(p.root_key, p.rkey)) THEN true END AS quiet
        FROM fresh f LEFT JOIN LATERAL (
            SELECT * FROM post p WHERE p.rkey = f.subject_key AND p.actor BETWEEN f.subject_actor AND f.subject_actor LIMIT 1) p ON true
        WHERE NOT f.loses ORDER BY f.n OFFSET 0) r
    RETURNING rkey, actor, subject_key, subject_actor, edge_sort_at(rkey, lag, more) AS sort_at
), lost AS (
    INSERT INTO duplicate (kind, rkey, actor, subject_key, subject_actor, created_at, indexed_at, via_key, via_actor, via_cid,
        subject_cid, extra)
    SELECT {kind}, rkey, actor, subject_key, subject_actor, created_at, indexed_at, via_key, via_actor, via_cid, subject_cid, extra
    FROM fresh WHERE loses
), noticed AS (
    INSERT INTO notification (recipient, sort_at, author, reason, record_kind, record_key, subject_kind, subject_key, subject_actor)
    SELECT via_actor, least(created_at, indexed_at), actor, {via_reason}, {kind}, rkey, 2, via_key, via_actor FROM fresh
    WHERE NOT loses AND NOT replaces AND NOT waited AND via_key IS NOT NULL AND via_actor <> actor AND subject_actor <> actor
        AND NOT EXISTS (SELECT FROM stage_purge p WHERE p.actor = via_actor AND p.place > n & 16777215)
    RETURNING recipient
), told_of_notices AS (
    INSERT INTO stage_change (kind, added, key, actor) SELECT 0, true, 0, recipient FROM noticed
), told AS (
    INSERT INTO stage_change (kind, added, key, actor, subject_key, subject_actor, sort_at)
    SELECT {kind}, true, rkey, actor, subject_key, subject_actor, sort_at FROM won WHERE {told}
)
INSERT INTO stage_delta (key, actor, likes, reposts, replies, quotes)
SELECT subject_key, subject_actor, {likes} * count(*), {reposts} * count(*), 0, 0 FROM won GROUP BY subject_key, subject_actor
