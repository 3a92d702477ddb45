-- Every other notification of an account whose subject exists, newest first, with every one of the last one's time.
-- $1 account, $2 earlier than (ms), $3 at least this many if there are, $4 only by those whom the account follows
SELECT n.sort_at, n.author, n.reason, n.record_kind, n.record_key, n.subject_kind, n.subject_key, n.subject_actor
FROM notification n
WHERE n.recipient = $1 AND n.sort_at < $2
    AND (NOT $4::boolean OR EXISTS (SELECT FROM follow f WHERE f.actor = $1 AND f.subject_actor = n.author))
    AND CASE n.subject_kind
        WHEN 5 THEN EXISTS (SELECT FROM post p WHERE p.rkey = n.subject_key AND p.actor = n.subject_actor)
        WHEN 2 THEN EXISTS (SELECT FROM repost r WHERE r.rkey = n.subject_key AND r.actor = n.subject_actor)
        ELSE n.subject_kind IS NULL OR EXISTS (
            SELECT FROM record r
            WHERE r.actor = n.subject_actor AND r.kind = n.subject_kind AND r.key = n.subject_key
        )
    END
ORDER BY n.sort_at DESC
FETCH FIRST $3 ROWS WITH TIES;
