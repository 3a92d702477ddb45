-- Take the account $1 down for $2, or let it up again (null).
UPDATE actor SET takedown_ref = $2 WHERE id = $1;
