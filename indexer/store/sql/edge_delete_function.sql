-- One wave's deletes of one kind of edge ($1 <= n < $2); vacant places go to duplicates.
CREATE FUNCTION pg_temp.delete_{edge}(integer, integer) RETURNS void LANGUAGE plpgsql AS $function$ BEGIN
{delete};
IF FOUND THEN
{promote};
END IF;
END $function$
