SELECT handle, id FROM actor WHERE handle = ANY ($1::text[]);
