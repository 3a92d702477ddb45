-- How far the only upstream of a bench's database is durable.
SELECT seq FROM cursor LIMIT 1
