-- $1 accounts, $2 subject keys, $3 subject accounts -> the {table} records of these pairs: the one in the table and those that wait.
SELECT h.key, q.actor, q.subject_key, q.subject_actor, h.indexed_at, h.is_first, r.record
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS q (actor, subject_key, subject_actor)
CROSS JOIN LATERAL (
    SELECT t.key, t.indexed_at, true AS is_first FROM {table} t
    WHERE {match}
    UNION ALL
    SELECT d.rkey, d.indexed_at, false FROM duplicate d WHERE d.kind = {kind} AND d.subject_key = q.subject_key
        AND d.subject_actor = q.subject_actor AND d.actor = q.actor) h
JOIN record r ON r.actor = q.actor AND r.kind = {kind} AND r.key = h.key
