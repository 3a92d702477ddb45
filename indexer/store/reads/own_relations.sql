-- How accounts stand to all others, as far as it is little: at most $2 of each kind come, so $2 of one say that there may be more.
-- Columns are flat arrays: account, record key; of mutes account, 1 for reposts only + 2 for quotes only; of subscriptions
-- account, 1 for posts + 2 for replies. by_lists: whether the account mutes or blocks lists.
-- $1 ids bigint[], $2 most integer
SELECT one.id,
    ARRAY(SELECT unnest(ARRAY[x.subject_actor, x.rkey])
        FROM (SELECT f.subject_actor, f.rkey FROM follow f WHERE f.actor = one.id LIMIT $2) AS x) AS following,
    ARRAY(SELECT unnest(ARRAY[x.actor, x.rkey])
        FROM (SELECT f.actor, f.rkey FROM follow f WHERE f.subject_actor = one.id LIMIT $2) AS x) AS followed_by,
    ARRAY(SELECT unnest(ARRAY[x.subject_actor, x.rkey])
        FROM (SELECT b.subject_actor, b.rkey FROM block b WHERE b.actor = one.id LIMIT $2) AS x) AS blocking,
    ARRAY(SELECT unnest(ARRAY[x.actor, x.rkey])
        FROM (SELECT b.actor, b.rkey FROM block b WHERE b.subject_actor = one.id LIMIT $2) AS x) AS blocked_by,
    ARRAY(SELECT unnest(ARRAY[x.subject_actor, x.only_reposts::integer + 2 * x.only_quotes::integer])
        FROM (SELECT m.* FROM mute m WHERE m.actor = one.id LIMIT $2) AS x) AS mutes,
    ARRAY(SELECT unnest(ARRAY[x.subject_actor, x.post::integer + 2 * x.reply::integer])
        FROM (SELECT s.* FROM activity_subscription s WHERE s.actor = one.id LIMIT $2) AS x) AS subscriptions,
    EXISTS (SELECT FROM list_mute lm WHERE lm.actor = one.id)
        OR EXISTS (SELECT FROM list_block lb WHERE lb.actor = one.id) AS by_lists
FROM unnest($1::bigint[]) AS one (id);
