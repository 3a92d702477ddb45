-- Accounts with profile, status and declarations.
-- $1 ids bigint[]
SELECT a.id, a.did, a.handle, a.status, a.takedown_ref, a.indexed_at,
    p.cid AS profile_cid, p.created_at AS profile_created_at, p.indexed_at AS profile_indexed_at, p.record AS profile,
    EXISTS (SELECT FROM record r WHERE r.actor = a.id AND r.kind = 17) AS is_labeler,
    (SELECT r.record FROM record r WHERE r.actor = a.id AND r.kind = 18 LIMIT 1) AS notification_declaration,
    (SELECT r.record FROM record r WHERE r.actor = a.id AND r.kind = 19 LIMIT 1) AS chat_declaration,
    s.cid AS status_cid, s.created_at AS status_created_at, s.indexed_at AS status_indexed_at, s.record AS status_record,
    EXISTS (SELECT FROM list_block lb WHERE lb.actor = a.id) AS blocks_lists
FROM actor a
LEFT JOIN profile p ON p.actor = a.id
LEFT JOIN LATERAL (
    SELECT r.cid, r.created_at, r.indexed_at, r.record FROM record r WHERE r.actor = a.id AND r.kind = 16 LIMIT 1
) AS s ON true
WHERE a.id = ANY ($1::bigint[]);
