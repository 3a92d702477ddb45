-- $1.. one array per column. A muted thread ($7-$9 say which post is the subject) sends nothing to whom muted it.
INSERT INTO notification (recipient, sort_at, author, reason, record_kind, record_key, subject_kind, subject_key, subject_actor)
SELECT new.* FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::smallint[], $5::smallint[], $6::bigint[], $7::smallint[],
    $8::bigint[], $9::bigint[]) AS new (recipient, sort_at, author, reason, record_kind, record_key, subject_kind, subject_key, subject_actor)
WHERE NOT ((SELECT EXISTS (SELECT FROM thread_mute)) AND subject_kind = 5 AND EXISTS (
    SELECT FROM post p JOIN thread_mute m ON m.actor = new.recipient AND m.root_actor = coalesce(p.root_actor, p.actor)
        AND m.root_key = coalesce(p.root_key, p.rkey)
    WHERE p.rkey = new.subject_key AND p.actor = new.subject_actor))
