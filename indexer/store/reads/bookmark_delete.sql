-- $1 who bookmarked, $2 author and $3 key of the post
DELETE FROM bookmark WHERE actor = $1 AND subject_actor = $2 AND subject_key = $3;
