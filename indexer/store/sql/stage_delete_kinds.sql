-- Which waves delete records of which kinds.
SELECT DISTINCT n >> 24 AS wave, kind::integer FROM stage_delete
