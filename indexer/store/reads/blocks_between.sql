-- Blocks between pairs of accounts, in either direction: directly, or through lists (flat arrays of key, actor; whether
-- a list is a moderation list is for the reader to check).
-- list_owners: whose lists either of them blocks.
-- $1 one side bigint[], $2 other side bigint[] (parallel)
SELECT k.a, k.b,
    EXISTS (SELECT FROM block x WHERE x.actor = k.a AND x.subject_actor = k.b)
        OR EXISTS (SELECT FROM block x WHERE x.actor = k.b AND x.subject_actor = k.a) AS direct,
    ARRAY(
        SELECT unnest(ARRAY[lb.list_key, lb.list_actor]) FROM list_block lb
        JOIN list_item li ON li.list_actor = lb.list_actor AND li.list_key = lb.list_key AND li.subject_actor = k.b
        WHERE lb.actor = k.a
    ) || ARRAY(
        SELECT unnest(ARRAY[lb.list_key, lb.list_actor]) FROM list_block lb
        JOIN list_item li ON li.list_actor = lb.list_actor AND li.list_key = lb.list_key AND li.subject_actor = k.a
        WHERE lb.actor = k.b
    ) AS lists,
    ARRAY(SELECT lb.list_actor FROM list_block lb WHERE lb.actor IN (k.a, k.b)) AS list_owners
FROM unnest($1::bigint[], $2::bigint[]) AS k (a, b);
