-- How far the listing of a host's repositories has come (indexer backfill); what it marked waits in repo.state.
CREATE TABLE backfill (
    host text PRIMARY KEY,
    cursor text,                             -- of the next page; null: not begun, or at the end
    listed bigint NOT NULL,
    marked bigint NOT NULL,
    finished boolean NOT NULL
);
-- Repositories that wait are few; they are looked for often.
CREATE INDEX repo_waiting ON repo (actor) WHERE state <> 0;
