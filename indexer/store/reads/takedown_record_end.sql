-- Let the record $1 up again.
DELETE FROM takedown WHERE uri = $1;
