-- Opt-outs of the members of a list, of whatever list.
-- $1 key, $2 actor of the list
SELECT r.actor, r.key, r.record
FROM list_item i
JOIN record r ON r.actor = i.subject_actor AND r.kind = 15
WHERE i.list_key = $1 AND i.list_actor = $2;
