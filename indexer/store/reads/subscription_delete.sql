-- $1 who subscribed, $2 to whom
DELETE FROM activity_subscription WHERE actor = $1 AND subject_actor = $2;
