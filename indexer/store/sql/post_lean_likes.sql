-- Likes that came before their post ($1 <= n < $2) give up their own copy of its CID, where it is the same.
UPDATE "like" t SET subject_cid = NULL FROM stage_post s
WHERE s.n >= $1 AND s.n < $2 AND get_byte($3, s.n & 16777215) & 128 = 0
    AND t.subject_key = s.rkey AND t.subject_actor = s.actor AND t.subject_cid = s.cid
