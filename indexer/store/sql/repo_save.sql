-- The last commit of each repository of the batch. An account is known from its first event on (actor.indexed_at); repositories
-- that were marked before anything came of them have a state other than 0. (An update costs three quarters of ON CONFLICT's;
-- what it finds no older row of is new, or nothing newer.)
WITH moved AS MATERIALIZED (
    UPDATE repo r SET rev = s.rev, data = s.data FROM stage_repo s WHERE r.actor = s.actor AND r.rev < s.rev
    RETURNING r.actor, r.state <> 0 AS is_new
), begun AS MATERIALIZED (
    INSERT INTO repo AS r (actor, rev, data) SELECT actor, rev, data FROM stage_repo s
    WHERE s.actor NOT IN (SELECT actor FROM moved) ORDER BY actor
    ON CONFLICT (actor) DO UPDATE SET rev = excluded.rev, data = excluded.data WHERE r.rev < excluded.rev
    RETURNING r.actor, r.xmax = 0 OR r.state <> 0 AS is_new
), found AS MATERIALIZED (
    SELECT s.first_at, (SELECT a.ctid FROM actor a WHERE a.id = s.actor AND a.indexed_at IS NULL LIMIT 1) AS at
    FROM stage_repo s WHERE CASE WHEN s.actor IN (
        SELECT actor FROM moved WHERE is_new UNION ALL SELECT actor FROM begun WHERE is_new) THEN true ELSE false END  -- hashed, no join
)
UPDATE actor a SET indexed_at = f.first_at FROM found f WHERE a.ctid = f.at
