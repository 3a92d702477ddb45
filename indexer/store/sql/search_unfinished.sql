-- What has not been gone through, posts first.
SELECT what, key, actor FROM search_progress WHERE NOT finished ORDER BY what DESC
