-- The migrations that were applied, in order.
SELECT number, name, checksum FROM migration ORDER BY number
