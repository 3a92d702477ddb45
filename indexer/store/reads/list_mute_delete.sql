-- $1 who muted, $2 owner and $3 key of the list
DELETE FROM list_mute WHERE actor = $1 AND list_actor = $2 AND list_key = $3;
