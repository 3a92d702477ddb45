-- $1 viewer -> whom the viewer follows.
SELECT subject_actor FROM follow WHERE actor = $1
