-- Inserts one wave's {edge} records ($1 <= n < $2). A path that exists already is a replay: nothing happens. Of several records
-- of one author about one subject the first stays in the table (an update that keeps its subject keeps its
-- place), the others wait in `duplicate`.
WITH known AS MATERIALIZED (
    SELECT s.*, row_number() OVER (PARTITION BY s.rkey, s.actor ORDER BY s.n) > 1
        OR EXISTS (SELECT FROM "{edge}" t WHERE t.rkey = s.rkey AND t.actor = s.actor)
        OR EXISTS (SELECT FROM duplicate t WHERE t.kind = {kind} AND t.rkey = s.rkey AND t.actor = s.actor) AS replayed,
        v.n IS NOT NULL AS replaces,
        v.n IS NOT NULL AND NOT v.waited AND v.subject_key = s.subject_key AND v.subject_actor = s.subject_actor AS keeps,
        v.quiet AS was_quiet
    FROM stage_{edge} s LEFT JOIN LATERAL (
        SELECT * FROM stage_vacated v WHERE s.is_update AND v.kind = {kind} AND v.n = s.n AND v.rkey = s.rkey) v ON true
    WHERE s.n >= $1 AND s.n < $2
), fresh AS MATERIALIZED (
    SELECT k.*, row_number() OVER (PARTITION BY k.subject_key, k.subject_actor, k.actor ORDER BY NOT k.keeps, k.n) > 1
        OR EXISTS (SELECT FROM "{edge}" t
            WHERE t.subject_key = k.subject_key AND t.subject_actor = k.subject_actor AND t.actor = k.actor) AS loses
    FROM known k WHERE NOT k.replayed
), won AS (
    INSERT INTO "{edge}" (rkey, actor, subject_key, subject_actor, created_at, indexed_at, via_key, via_actor, via_cid,
        subject_cid, extra, quiet)
    SELECT f.rkey, f.actor, f.subject_key, f.subject_actor, f.created_at, f.indexed_at, f.via_key, f.via_actor, f.via_cid,
        CASE WHEN p.cid IS DISTINCT FROM f.subject_cid THEN f.subject_cid END, f.extra,
        CASE WHEN f.keeps THEN f.was_quiet
            WHEN f.replaces THEN true
            WHEN (SELECT EXISTS (SELECT FROM thread_mute)) AND EXISTS (
                SELECT FROM thread_mute m WHERE m.actor = f.subject_actor
                AND m.root_actor = coalesce(p.root_actor, p.actor) AND m.root_key = coalesce(p.root_key, p.rkey)) THEN true END
    FROM fresh f LEFT JOIN post p ON p.rkey = f.subject_key AND p.actor = f.subject_actor
    WHERE NOT f.loses ORDER BY f.n
    RETURNING rkey, actor, subject_key, subject_actor, created_at, indexed_at
), lost AS (
    INSERT INTO duplicate (kind, rkey, actor, subject_key, subject_actor, created_at, indexed_at, via_key, via_actor, via_cid,
        subject_cid, extra)
    SELECT {kind}, rkey, actor, subject_key, subject_actor, created_at, indexed_at, via_key, via_actor, via_cid, subject_cid, extra
    FROM fresh WHERE loses
), noticed AS (
    INSERT INTO notification (recipient, sort_at, author, reason, record_kind, record_key, subject_kind, subject_key, subject_actor)
    SELECT via_actor, least(created_at, indexed_at), actor, {via_reason}, {kind}, rkey, 2, via_key, via_actor FROM fresh
    WHERE NOT loses AND NOT replaces AND via_key IS NOT NULL AND via_actor <> actor AND subject_actor <> actor
        AND NOT EXISTS (SELECT FROM stage_purge p WHERE p.actor = via_actor AND p.place > n & 16777215)
), told AS (
    INSERT INTO stage_change (kind, added, key, actor, subject_key, subject_actor, sort_at)
    SELECT {kind}, true, rkey, actor, subject_key, subject_actor, least(created_at, indexed_at) FROM won WHERE {told}
)
INSERT INTO stage_delta (key, actor, likes, reposts, replies, quotes)
SELECT subject_key, subject_actor, {likes} * count(*), {reposts} * count(*), 0, 0 FROM won GROUP BY subject_key, subject_actor
