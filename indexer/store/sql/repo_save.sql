-- The last commit of each repository of the batch. An account is known from its first event on (actor.indexed_at); repositories
-- that were marked before anything came of them have a state other than 0.
WITH saved AS MATERIALIZED (
    INSERT INTO repo AS r (actor, rev, data) SELECT actor, rev, data FROM stage_repo ORDER BY actor
    ON CONFLICT (actor) DO UPDATE SET rev = excluded.rev, data = excluded.data WHERE r.rev < excluded.rev
    RETURNING r.actor, r.xmax = 0 OR r.state <> 0 AS is_new
), found AS MATERIALIZED (
    SELECT s.first_at, (SELECT a.ctid FROM actor a WHERE a.id = s.actor AND a.indexed_at IS NULL LIMIT 1) AS at
    FROM stage_repo s WHERE CASE WHEN s.actor IN (SELECT actor FROM saved WHERE is_new) THEN true ELSE false END  -- hashed, no join
)
UPDATE actor a SET indexed_at = f.first_at FROM found f WHERE a.ctid = f.at
