-- $2 is proven to be the handle of $1: whoever else had it has none until it is looked at again.
UPDATE actor SET handle = NULL, identity_due_at = 0 WHERE handle = $2 AND id <> $1
