-- Labels, by column; each takes the place of what the labeler said of the same before.
INSERT INTO label (src, uri, cid, val, neg, cts, exp)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::boolean[], $6::text[], $7::text[])
ON CONFLICT (src, uri, cid, val) DO UPDATE SET neg = excluded.neg, cts = excluded.cts, exp = excluded.exp
