-- What each writer wrote last, in the transaction of its rows: tells a writer whether a commit that was not answered took
-- place. The transaction's id cannot: a server that crashed gives the ids of lost transactions out again.
CREATE TABLE last_batch (
    writer uuid PRIMARY KEY,                 -- one a process' run
    number bigint NOT NULL,
    written_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 10);
