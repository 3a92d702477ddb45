-- Which of one wave's new {edge} records ($1 <= n < $2) could meet another record: subject_edge_insert.sql has to look at
-- these; the others go straight into the table (subject_edge_append.sql). Not asked here is whether a path is in the table
-- already, which the gate has all but ruled out: its primary key would say so. Waiting duplicates are looked for one by one
-- only where some record waits whose key is between the wave's first and last.
WITH careful AS MATERIALIZED (
    SELECT s.rkey, s.actor
    FROM stage_{edge} s
    WHERE s.n >= $1 AND s.n < $2 AND (s.repeated OR s.is_update
        OR (SELECT true FROM "{edge}" t WHERE t.subject_key = s.subject_key AND t.subject_actor = s.subject_actor
            AND t.actor BETWEEN s.actor AND s.actor LIMIT 1) IS NOT NULL
        OR CASE WHEN (SELECT EXISTS (
            SELECT FROM (SELECT min(rkey) AS first, max(rkey) AS last FROM stage_{edge} WHERE n >= $1 AND n < $2) span
            JOIN duplicate t ON t.rkey BETWEEN span.first AND span.last))
        THEN (SELECT true FROM duplicate t
            WHERE t.rkey = s.rkey AND t.actor BETWEEN s.actor AND s.actor AND t.kind = {kind} LIMIT 1) IS NOT NULL
        ELSE false END
        OR (s.subject_key, s.subject_actor, s.actor) IN (
            SELECT v.subject_key, v.subject_actor, v.actor FROM stage_vacated v WHERE v.kind = {kind} AND v.n >= $1 AND v.n < $2))
)
SELECT s.n FROM stage_{edge} s WHERE s.n >= $1 AND s.n < $2 AND (s.rkey, s.actor) IN (SELECT rkey, actor FROM careful)
