-- Deleted accounts ($1): what is stored to notify them of.
DELETE FROM notification WHERE recipient = ANY ($1::bigint[])
