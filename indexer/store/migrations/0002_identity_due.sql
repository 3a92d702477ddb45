-- When an account's identity (handle, key, host) has to be looked at: 0 at once, else a time in ms. Only of accounts that
-- have published something: the others are never shown.
ALTER TABLE actor ADD COLUMN identity_due_at bigint NOT NULL DEFAULT 0;
ALTER TABLE actor DROP COLUMN handle_checked_at;
CREATE INDEX actor_identity_due ON actor (identity_due_at) WHERE indexed_at IS NOT NULL;
