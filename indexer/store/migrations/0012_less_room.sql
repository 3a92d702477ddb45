-- Less room for what is small or short-lived.

-- Most posts' counts change soon after the post or never: a tenth of a page free is enough for them.
ALTER TABLE post_count SET (fillfactor = 90);

-- What waits to become searchable is keys, whose leading bytes are nearly the same in a batch: compressed, it needs half.
ALTER TABLE search_queue ALTER post_keys SET STORAGE EXTENDED, ALTER post_actors SET STORAGE EXTENDED;

-- Digests, names and addresses never fill a page, so that these tables need no TOAST table, which takes a page of index
-- even while it is empty. It goes when the table is written anew, which a column's new expression brings about.
ALTER TABLE repo ALTER data SET STORAGE PLAIN, ALTER state TYPE smallint USING state + 0::smallint;
ALTER TABLE rare_key ALTER path SET STORAGE PLAIN, ALTER id TYPE bigint USING id + 0;
ALTER TABLE cursor ALTER upstream SET STORAGE PLAIN, ALTER shard SET STORAGE PLAIN, ALTER seq TYPE bigint USING seq + 0;
ALTER TABLE labeler_cursor ALTER did SET STORAGE PLAIN, ALTER seq TYPE bigint USING seq + 0;
ALTER TABLE search_progress ALTER what SET STORAGE PLAIN, ALTER key TYPE bigint USING key + 0;
