-- Deleted account ($1): what it is stored to have notified others of.
DELETE FROM notification WHERE author = $1
