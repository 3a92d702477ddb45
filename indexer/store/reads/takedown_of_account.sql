-- Why our operator took the account down; null where it did not.
SELECT takedown_ref AS ref FROM actor WHERE id = $1;
