-- Counts an account's changes of its private state, so that whoever kept something of it knows whether it still holds.
CREATE TABLE private_version (
    actor bigint PRIMARY KEY,
    version bigint NOT NULL
) WITH (fillfactor = 50);
