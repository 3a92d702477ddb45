-- What was refused, by reason.
SELECT reason, sum(count) FROM dropped GROUP BY reason ORDER BY reason
