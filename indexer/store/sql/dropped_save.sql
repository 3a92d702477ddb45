-- $1 reasons, $2 accounts (0: none), $3 how often, $4 time, $5 last details.
INSERT INTO dropped AS d (reason, actor, count, last_at, last_detail)
SELECT reason, actor, count, $4, detail FROM unnest($1::text[], $2::bigint[], $3::bigint[], $5::text[]) AS n (reason, actor, count, detail)
ORDER BY reason, actor
ON CONFLICT (reason, actor) DO UPDATE SET count = d.count + excluded.count, last_at = excluded.last_at, last_detail = excluded.last_detail
