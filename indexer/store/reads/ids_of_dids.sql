SELECT did, id FROM actor WHERE did = ANY ($1::text[]);
