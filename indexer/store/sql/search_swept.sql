-- $1 has been gone through up to ($2, $3); $4 whether to its end.
UPDATE search_progress SET key = $2, actor = $3, finished = $4 WHERE what = $1
