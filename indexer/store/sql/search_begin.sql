-- Have everything gone through from its beginning.
UPDATE search_progress SET key = -9223372036854775808, actor = 0, finished = false
