-- Of lists: how many members, and how the viewer stands to them.
-- $1 keys bigint[], $2 actors bigint[] (parallel), $3 viewer bigint or null
SELECT k.key, k.actor,
    (SELECT count(*) FROM list_item li WHERE li.list_actor = k.actor AND li.list_key = k.key) AS items,
    $3::bigint IS NOT NULL AND EXISTS (
        SELECT FROM list_mute m WHERE m.actor = $3 AND m.list_actor = k.actor AND m.list_key = k.key
    ) AS muted,
    (SELECT b.key FROM list_block b WHERE b.actor = $3 AND b.list_actor = k.actor AND b.list_key = k.key) AS blocked,
    $3 IS NOT NULL AND EXISTS (
        SELECT FROM list_item li WHERE li.list_actor = k.actor AND li.list_key = k.key AND li.subject_actor = $3
    ) AS viewer_listed
FROM unnest($1::bigint[], $2::bigint[]) AS k (key, actor);
