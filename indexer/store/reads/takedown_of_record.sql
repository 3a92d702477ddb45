-- Why our operator took the record down, if it did.
SELECT ref FROM takedown WHERE uri = $1;
