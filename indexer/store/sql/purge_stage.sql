-- $1 deleted accounts, $2 where in the stream.
INSERT INTO stage_purge (actor, place) SELECT actor, place FROM unnest($1::bigint[], $2::integer[]) AS p (actor, place)
