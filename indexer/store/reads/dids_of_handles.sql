SELECT handle, did FROM actor WHERE handle = ANY ($1::text[]);
