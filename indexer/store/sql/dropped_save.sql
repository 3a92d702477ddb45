-- $1 reasons, $2 accounts (0: none), $3 how often, $4 times of the last (ms), $5 last details. The last is the one with the latest
-- time: so it does not matter which of them came together.
INSERT INTO dropped AS d (reason, actor, count, last_at, last_detail)
SELECT reason, actor, count, at, detail
FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[]) AS n (reason, actor, count, at, detail)
ORDER BY reason, actor
ON CONFLICT (reason, actor) DO UPDATE SET count = d.count + excluded.count, last_at = greatest(d.last_at, excluded.last_at),
    last_detail = CASE WHEN excluded.last_at >= d.last_at THEN excluded.last_detail ELSE d.last_detail END
