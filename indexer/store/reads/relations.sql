-- How a viewer and each of these accounts stand to one another.
-- Columns that end in _lists are flat arrays: key, actor, key, actor, ... of every list through which the relation
-- holds; whether such a list (still) is a moderation list is for the reader to check. list_owners: whose lists could make
-- such a relation, now or later: those that the viewer mutes or blocks, and those that the account blocks.
-- $1 ids bigint[], $2 viewer
SELECT a.id AS actor,
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
    (SELECT f.rkey FROM follow f WHERE f.actor = a.id AND f.subject_actor = $2) AS followed_by,
    ARRAY(
        SELECT lm.list_actor FROM list_mute lm WHERE lm.actor = $2
        UNION SELECT lb.list_actor FROM list_block lb WHERE lb.actor = $2
        UNION SELECT lb.list_actor FROM list_block lb WHERE lb.actor = a.id
    ) AS list_owners
FROM unnest($1::bigint[]) AS a (id)
LEFT JOIN mute m ON m.actor = $2::bigint AND m.subject_actor = a.id
WHERE a.id <> $2;
