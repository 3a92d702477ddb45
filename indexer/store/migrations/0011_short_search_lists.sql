-- Words wait in a list of 256 kB, not 1 MB, before they are merged into their index: every search reads through the list.
ALTER INDEX post_search_words SET (gin_pending_list_limit = 256);
