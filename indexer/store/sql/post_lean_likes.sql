-- Likes that came before their post ($1 <= n < $2) give up their own copy of its CID, where it is the same.
UPDATE "like" t SET subject_cid = NULL WHERE t.ctid = ANY (ARRAY(
    SELECT l.ctid FROM stage_post s CROSS JOIN LATERAL (
        SELECT l.ctid FROM "like" l WHERE l.subject_key = s.rkey AND l.subject_actor BETWEEN s.actor AND s.actor AND l.subject_cid = s.cid OFFSET 0) l
    WHERE s.n >= $1 AND s.n < $2 AND get_byte($3, s.n & 16777215) & 128 = 0))
