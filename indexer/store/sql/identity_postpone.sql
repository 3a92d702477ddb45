-- Nobody answered about $1: look again at $2, believe until then what is known.
UPDATE actor SET identity_due_at = $2 WHERE id = $1
