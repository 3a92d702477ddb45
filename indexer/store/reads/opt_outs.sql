-- What accounts do not want to be shown on: their opt-outs of reference lists.
-- $1 accounts bigint[]
SELECT actor, key, record FROM record WHERE actor = ANY ($1::bigint[]) AND kind = 15;
