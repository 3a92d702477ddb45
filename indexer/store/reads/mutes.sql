-- Every mute of an account, newest first.
-- $1 account
SELECT m.subject_actor, a.did, m.created_at, NOT m.only_reposts AND NOT m.only_quotes AS whole
FROM mute m JOIN actor a ON a.id = m.subject_actor
WHERE m.actor = $1 AND a.indexed_at IS NOT NULL
ORDER BY m.created_at DESC, a.did DESC;
