-- The last commit of each repository of the batch. An account is known from its first commit on (actor.indexed_at).
WITH saved AS MATERIALIZED (
    INSERT INTO repo AS r (actor, rev, data) SELECT actor, rev, data FROM stage_repo ORDER BY actor
    ON CONFLICT (actor) DO UPDATE SET rev = excluded.rev, data = excluded.data WHERE r.rev < excluded.rev
    RETURNING r.actor, r.rev, r.xmax = 0 AS is_new
), found AS MATERIALIZED (
    SELECT s.rev, (SELECT a.ctid FROM actor a WHERE a.id = s.actor AND a.indexed_at IS NULL LIMIT 1) AS at
    FROM saved s WHERE s.is_new
)
UPDATE actor a SET indexed_at = (f.rev >> 10) / 1000 FROM found f WHERE a.ctid = f.at
