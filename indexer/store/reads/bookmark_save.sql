-- $1 who bookmarks, $2 author and $3 key of the post, $4 digest of the version, $5 key of the bookmark, $6 time (ms)
INSERT INTO bookmark (actor, subject_actor, subject_key, subject_cid, key, created_at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING;
