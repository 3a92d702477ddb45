-- Every record that our operator took down.
SELECT t.uri, t.ref, t.created_at FROM takedown t ORDER BY t.uri
