-- $1 who muted, $2 whom
DELETE FROM mute WHERE actor = $1 AND subject_actor = $2;
