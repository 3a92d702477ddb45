-- One wave's creates of one kind of edge ($1 <= n < $2), of which few meet another record: $3 becomes the places of those that
-- could, and null (all of them) where a path comes again with a new commit.
CREATE FUNCTION pg_temp.create_{edge}(integer, integer, integer[] DEFAULT NULL) RETURNS void LANGUAGE plpgsql AS $function$ BEGIN
$3 := ARRAY(
{triage}
);
BEGIN
{append};
EXCEPTION WHEN unique_violation THEN
    $3 := NULL;
END;
IF $3 IS NULL OR cardinality($3) > 0 THEN
{insert};
END IF;
END $function$
