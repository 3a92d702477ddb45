-- How far the stream of labeler $1 was followed.
SELECT seq FROM labeler_cursor WHERE did = $1
