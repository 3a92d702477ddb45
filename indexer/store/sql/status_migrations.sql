-- The number of the last applied migration.
SELECT max(number) FROM migration
