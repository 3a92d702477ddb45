-- Inserts one wave's posts ($1 <= n < $2). $3 has a byte per op of the batch: bits 0-2 are flags 256, 512 and 1024 of the post, bit 7 says
-- that its path exists already (nothing happens then).
WITH won AS MATERIALIZED (
    INSERT INTO post (rkey, actor, sort_at, indexed_at, parent_key, parent_actor, root_key, root_actor, quote_key, quote_actor,
        flags, cid, record)
    SELECT rkey, actor, sort_at, indexed_at, parent_key, parent_actor, root_key, root_actor, quote_key, quote_actor,
        flags | ((get_byte($3, n & 16777215) & 7) << 8), cid, record
    FROM stage_post WHERE n >= $1 AND n < $2 AND get_byte($3, n & 16777215) & 128 = 0 ORDER BY n
    RETURNING rkey, actor, sort_at, parent_key, parent_actor, quote_key, quote_actor, flags
), counted AS (
    INSERT INTO stage_delta (key, actor, likes, reposts, replies, quotes)
    SELECT parent_key, parent_actor, 0, 0, 1, 0 FROM won WHERE parent_key IS NOT NULL AND flags & 256 = 0
    UNION ALL SELECT quote_key, quote_actor, 0, 0, 0, 1 FROM won WHERE quote_key IS NOT NULL
), counted_authors AS (
    INSERT INTO stage_actor_delta (actor, followers, follows, posts) SELECT actor, 0, 0, count(*) FROM won GROUP BY actor
)
INSERT INTO stage_change (kind, added, key, actor, sort_at) SELECT 5, true, rkey, actor, sort_at FROM won
