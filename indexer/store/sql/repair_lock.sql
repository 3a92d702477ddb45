-- Nobody changes a count while they are mended; reading goes on.
LOCK TABLE post_count, actor_count IN SHARE ROW EXCLUSIVE MODE
