-- Accounts with profile, status and declarations, and how the viewer and each of them stand to one another.
-- List columns are flat arrays: key, actor, key, actor, ... of every list through which the relation holds; whether
-- such a list (still) is a moderation list is for the reader to check.
-- $1 ids bigint[], $2 viewer bigint or null
SELECT a.id, a.did, a.handle, a.status, a.takedown_ref, a.indexed_at,
    p.cid AS profile_cid, p.created_at AS profile_created_at, p.indexed_at AS profile_indexed_at, p.record AS profile,
    EXISTS (SELECT FROM record r WHERE r.actor = a.id AND r.kind = 17) AS is_labeler,
    (SELECT r.record FROM record r WHERE r.actor = a.id AND r.kind = 18 LIMIT 1) AS notification_declaration,
    (SELECT r.record FROM record r WHERE r.actor = a.id AND r.kind = 19 LIMIT 1) AS chat_declaration,
    s.cid AS status_cid, s.created_at AS status_created_at, s.indexed_at AS status_indexed_at, s.record AS status_record,
    v.muted, v.muted_only_reposts, v.muted_only_quotes, v.muted_by_lists,
    v.blocking, v.blocked_by, v.blocking_by_lists, v.blocked_by_lists, v.following, v.followed_by
FROM actor a
LEFT JOIN profile p ON p.actor = a.id
LEFT JOIN LATERAL (
    SELECT r.cid, r.created_at, r.indexed_at, r.record FROM record r WHERE r.actor = a.id AND r.kind = 16 LIMIT 1
) AS s ON true
LEFT JOIN LATERAL (
    SELECT
        m.actor IS NOT NULL AND NOT m.only_reposts AND NOT m.only_quotes AS muted,
        coalesce(m.only_reposts, false) AS muted_only_reposts,
        coalesce(m.only_quotes, false) AS muted_only_quotes,
        ARRAY(
            SELECT unnest(ARRAY[lm.list_key, lm.list_actor]) FROM list_mute lm
            JOIN list_item li ON li.list_actor = lm.list_actor AND li.list_key = lm.list_key AND li.subject_actor = a.id
            WHERE lm.actor = $2
        ) AS muted_by_lists,
        (SELECT b.rkey FROM block b WHERE b.actor = $2 AND b.subject_actor = a.id) AS blocking,
        (SELECT b.rkey FROM block b WHERE b.actor = a.id AND b.subject_actor = $2) AS blocked_by,
        ARRAY(
            SELECT unnest(ARRAY[lb.list_key, lb.list_actor]) FROM list_block lb
            JOIN list_item li ON li.list_actor = lb.list_actor AND li.list_key = lb.list_key AND li.subject_actor = a.id
            WHERE lb.actor = $2
        ) AS blocking_by_lists,
        ARRAY(
            SELECT unnest(ARRAY[lb.list_key, lb.list_actor]) FROM list_block lb
            JOIN list_item li ON li.list_actor = lb.list_actor AND li.list_key = lb.list_key AND li.subject_actor = $2
            WHERE lb.actor = a.id
        ) AS blocked_by_lists,
        (SELECT f.rkey FROM follow f WHERE f.actor = $2 AND f.subject_actor = a.id) AS following,
        (SELECT f.rkey FROM follow f WHERE f.actor = a.id AND f.subject_actor = $2) AS followed_by
    FROM (VALUES (1)) AS one
    LEFT JOIN mute m ON m.actor = $2 AND m.subject_actor = a.id
) AS v ON $2::bigint IS NOT NULL AND a.id <> $2
WHERE a.id = ANY ($1::bigint[]);
