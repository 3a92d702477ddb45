-- A statement of the writer's session as a function of that session, for wave.sql and batch_end.sql to call.
CREATE FUNCTION pg_temp.{function}({parameters}) RETURNS void LANGUAGE plpgsql AS $function$ BEGIN
{statement};
END $function$
