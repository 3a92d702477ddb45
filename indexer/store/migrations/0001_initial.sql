-- The first schema. Conventions that every table keeps:
--   * actor ids are numbers given out by the client (ranges of actor_id_seq); never looked up per row in SQL. They are
--     bigints, but for the tables with the most rows: like, repost and notification hold them in four bytes, for two
--     billion accounts.
--   * a record key is a bigint: a TID in its default collection is its 63-bit integer (positive); any other
--     (collection, rkey) is interned in rare_key and stands as that row's negative id. The default collection of a
--     table's own key is the table's collection; of a subject key it is app.bsky.feed.post.
--   * times are bigint milliseconds since the epoch; sort_at = least(created_at, indexed_at), indexed_at = the event's time.
--   * a CID column holds the 32-byte SHA-256 digest (every record CID is CIDv1, dag-cbor, sha2-256).
--   * unique keys lead with the time-ordered key and contain the account id that the table would be distributed by.

CREATE SEQUENCE actor_id_seq AS bigint INCREMENT BY 1000;   -- each nextval hands a process 1,000 ids
CREATE SEQUENCE rare_key_seq AS bigint INCREMENT BY 1000;   -- likewise; ids are used negated

CREATE TABLE actor (
    id bigint PRIMARY KEY,
    did text COLLATE "C" NOT NULL UNIQUE,
    handle text COLLATE "C" UNIQUE,          -- null: not (or no longer) verified both ways -> handle.invalid
    handle_checked_at bigint,
    status smallint NOT NULL DEFAULT 0,      -- 0 active 1 deactivated 2 deleted 3 takendown 4 suspended 5 desynchronized 6 throttled
    status_at bigint,                        -- time of the #account event that set status
    takedown_ref text,                       -- set by our own operator
    signing_key bytea,                       -- 1 byte curve (1 = secp256k1, 2 = P-256) + 33-byte compressed point
    pds text,
    identity_at bigint,                      -- when signing_key and pds were resolved
    indexed_at bigint                        -- first event of the account itself (null: only ever referred to)
) WITH (fillfactor = 90);

-- The state of one repository: what the next commit must connect to.
CREATE TABLE repo (
    actor bigint PRIMARY KEY,
    rev bigint NOT NULL,                     -- TID of the last applied commit
    data bytea,                              -- digest of its MST root
    state smallint NOT NULL DEFAULT 0        -- 0 synchronized 1 desynchronized 2 in progress
) WITH (fillfactor = 60);

CREATE TABLE rare_key (
    id bigint PRIMARY KEY,                   -- negative
    path text COLLATE "C" NOT NULL UNIQUE    -- "collection/rkey"
);

CREATE TABLE cursor (
    upstream text NOT NULL,
    shard text NOT NULL DEFAULT '0/1',
    seq bigint NOT NULL,
    event_at bigint,
    PRIMARY KEY (upstream, shard)
);

CREATE TABLE dropped (                       -- what was refused, per reason and account (rule 4)
    reason text NOT NULL,
    actor bigint NOT NULL DEFAULT 0,
    count bigint NOT NULL,
    last_at bigint NOT NULL,
    last_detail text,
    PRIMARY KEY (reason, actor)
);

CREATE TABLE profile (
    actor bigint PRIMARY KEY,
    cid bytea NOT NULL,
    created_at bigint,
    indexed_at bigint NOT NULL,
    joined_key bigint, joined_actor bigint,  -- the starter pack through which the account came
    record bytea NOT NULL
);
CREATE INDEX profile_joined ON profile (joined_actor, joined_key, created_at) WHERE joined_key IS NOT NULL;

CREATE TABLE post (
    rkey bigint NOT NULL,
    actor bigint NOT NULL,
    sort_at bigint NOT NULL,
    indexed_at bigint NOT NULL,
    parent_key bigint, parent_actor bigint,
    root_key bigint, root_actor bigint,
    quote_key bigint, quote_actor bigint,
    flags integer NOT NULL DEFAULT 0,        -- bits in indexer/records/post_flags.py
    cid bytea NOT NULL,
    record bytea NOT NULL,
    PRIMARY KEY (rkey, actor)
);
CREATE INDEX post_author ON post (actor, sort_at);
CREATE INDEX post_parent ON post (parent_key, parent_actor) WHERE parent_key IS NOT NULL;
CREATE INDEX post_quote ON post (quote_key, quote_actor) WHERE quote_key IS NOT NULL;

-- like, repost, follow, block: the record's bytes are rebuilt from the columns (records/edges.py); extra keeps the
-- original bytes where the rebuilt ones would not have the same CID.
--   * subject_cid is null exactly when the subject's post row exists and has that very CID (saves 36 bytes a row).
--   * quiet is true where the row must not appear as a notification: promoted duplicates, updates, muted threads.
--   * the indexes for notices and for an account's own rows hold a coarse time only, so that their entries are shared
--     (deduplicated) by many rows; readers sort within one step of it: 6 hours for notices, a day for own rows.
CREATE TABLE "like" (
    rkey bigint NOT NULL,
    subject_key bigint NOT NULL,
    created_at bigint NOT NULL,
    indexed_at bigint NOT NULL,
    actor integer NOT NULL,
    subject_actor integer NOT NULL,
    via_key bigint, via_actor bigint, via_cid bytea,
    subject_cid bytea,
    extra bytea,
    quiet boolean,
    PRIMARY KEY (rkey, actor)
);
CREATE UNIQUE INDEX like_subject ON "like" (subject_key, subject_actor, actor);
CREATE INDEX like_notice ON "like" (subject_actor, ((least(created_at, indexed_at) / 21600000)::integer))
    WHERE quiet IS NULL AND actor <> subject_actor;
CREATE INDEX like_author ON "like" (actor, ((least(created_at, indexed_at) / 86400000)::integer));

CREATE TABLE repost (
    rkey bigint NOT NULL,
    subject_key bigint NOT NULL,
    created_at bigint NOT NULL,
    indexed_at bigint NOT NULL,
    actor integer NOT NULL,
    subject_actor integer NOT NULL,
    via_key bigint, via_actor bigint, via_cid bytea,
    subject_cid bytea,
    extra bytea,
    quiet boolean,
    PRIMARY KEY (rkey, actor)
);
CREATE UNIQUE INDEX repost_subject ON repost (subject_key, subject_actor, actor);
CREATE INDEX repost_author ON repost (actor, (least(created_at, indexed_at)));
CREATE INDEX repost_notice ON repost (subject_actor, ((least(created_at, indexed_at) / 21600000)::integer))
    WHERE quiet IS NULL AND actor <> subject_actor;

CREATE TABLE follow (
    rkey bigint NOT NULL,
    actor bigint NOT NULL,
    subject_actor bigint NOT NULL,
    created_at bigint NOT NULL,
    indexed_at bigint NOT NULL,
    via_key bigint, via_actor bigint, via_cid bytea,
    extra bytea,
    quiet boolean,
    PRIMARY KEY (rkey, actor)
);
CREATE UNIQUE INDEX follow_pair ON follow (actor, subject_actor);
CREATE INDEX follow_subject ON follow (subject_actor, (least(created_at, indexed_at)));  -- followers and notices

CREATE TABLE block (
    rkey bigint NOT NULL,
    actor bigint NOT NULL,
    subject_actor bigint NOT NULL,
    created_at bigint NOT NULL,
    indexed_at bigint NOT NULL,
    extra bytea,
    PRIMARY KEY (rkey, actor)
);
CREATE UNIQUE INDEX block_pair ON block (actor, subject_actor);
CREATE INDEX block_subject ON block (subject_actor);

-- Losers of the uniqueness of (author, subject); the oldest takes the winner's place when that is deleted.
CREATE TABLE duplicate (
    kind smallint NOT NULL,                  -- collection code, indexer/records/collections.py
    rkey bigint NOT NULL,
    actor bigint NOT NULL,
    subject_key bigint NOT NULL DEFAULT 0,
    subject_actor bigint NOT NULL,
    created_at bigint NOT NULL,
    indexed_at bigint NOT NULL,
    via_key bigint, via_actor bigint, via_cid bytea,
    subject_cid bytea,
    extra bytea,
    PRIMARY KEY (rkey, actor, kind)
);
CREATE INDEX duplicate_subject ON duplicate (kind, subject_key, subject_actor, actor, indexed_at);
CREATE INDEX duplicate_actor ON duplicate (actor);

-- Every record that has no table of its own above: generators, gates, lists and their items, starter packs, labelers, ...
CREATE TABLE record (
    kind smallint NOT NULL,
    key bigint NOT NULL,
    actor bigint NOT NULL,
    cid bytea NOT NULL,
    created_at bigint,
    indexed_at bigint NOT NULL,
    record bytea NOT NULL,
    PRIMARY KEY (actor, kind, key)
);
CREATE INDEX record_kind ON record (kind, indexed_at);

CREATE TABLE list_item (
    key bigint NOT NULL,
    actor bigint NOT NULL,
    list_key bigint NOT NULL,                -- rkey of the list (default collection app.bsky.graph.list), same actor
    list_actor bigint NOT NULL,
    subject_actor bigint NOT NULL,
    created_at bigint NOT NULL,
    indexed_at bigint NOT NULL,
    PRIMARY KEY (actor, key)
);
CREATE UNIQUE INDEX list_item_pair ON list_item (list_actor, list_key, subject_actor, actor);
CREATE INDEX list_item_subject ON list_item (subject_actor);

CREATE TABLE list_block (
    key bigint NOT NULL,
    actor bigint NOT NULL,
    list_key bigint NOT NULL,
    list_actor bigint NOT NULL,
    created_at bigint NOT NULL,
    indexed_at bigint NOT NULL,
    PRIMARY KEY (actor, key)
);
CREATE UNIQUE INDEX list_block_pair ON list_block (actor, list_actor, list_key);
CREATE INDEX list_block_list ON list_block (list_actor, list_key);

CREATE TABLE verification (
    key bigint NOT NULL,
    actor bigint NOT NULL,
    subject_actor bigint NOT NULL,
    handle text NOT NULL,
    display_name text NOT NULL,
    created_at bigint NOT NULL,
    indexed_at bigint NOT NULL,
    PRIMARY KEY (actor, key)
);
CREATE UNIQUE INDEX verification_pair ON verification (subject_actor, actor);

-- Exact aggregates, kept in the transaction of the rows that they count. Subjects need not exist (yet).
CREATE TABLE post_count (
    key bigint NOT NULL,                     -- a subject key: likes of generators, lists and labelers count here too
    actor bigint NOT NULL,
    likes integer NOT NULL DEFAULT 0,
    reposts integer NOT NULL DEFAULT 0,
    replies integer NOT NULL DEFAULT 0,
    quotes integer NOT NULL DEFAULT 0,
    PRIMARY KEY (key, actor)
) WITH (fillfactor = 75);

CREATE TABLE actor_count (
    actor bigint PRIMARY KEY,
    followers integer NOT NULL DEFAULT 0,
    follows integer NOT NULL DEFAULT 0,
    posts integer NOT NULL DEFAULT 0
) WITH (fillfactor = 60);

-- Notifications other than like, repost and follow, which are read from those tables (column quiet).
CREATE TABLE notification (
    sort_at bigint NOT NULL,
    record_key bigint NOT NULL,
    subject_key bigint,
    recipient integer NOT NULL,
    author integer NOT NULL,
    subject_actor integer,
    reason smallint NOT NULL,                -- indexer/records/notices.py
    record_kind smallint NOT NULL,
    subject_kind smallint
);
CREATE INDEX notification_recipient ON notification (recipient, sort_at);
CREATE INDEX notification_record ON notification (record_key, author);
CREATE INDEX notification_author ON notification (author);

-- Private state: not derived from the firehose, survives a full re-index.
CREATE TABLE mute (actor bigint, subject_actor bigint, created_at bigint NOT NULL, only_reposts boolean NOT NULL DEFAULT false,
    only_quotes boolean NOT NULL DEFAULT false, PRIMARY KEY (actor, subject_actor));
CREATE TABLE list_mute (actor bigint, list_actor bigint, list_key bigint, created_at bigint NOT NULL, PRIMARY KEY (actor, list_actor, list_key));
CREATE TABLE thread_mute (actor bigint, root_actor bigint, root_key bigint, created_at bigint NOT NULL, PRIMARY KEY (actor, root_actor, root_key));
CREATE TABLE bookmark (actor bigint, subject_actor bigint, subject_key bigint, subject_cid bytea NOT NULL, key text NOT NULL, created_at bigint NOT NULL,
    PRIMARY KEY (actor, subject_actor, subject_key));
CREATE TABLE notification_seen (actor bigint PRIMARY KEY, seen_at bigint NOT NULL, priority boolean NOT NULL DEFAULT false);
CREATE TABLE private_data (actor bigint, namespace text, key text, payload jsonb NOT NULL, indexed_at bigint NOT NULL, PRIMARY KEY (actor, namespace, key));
CREATE TABLE activity_subscription (actor bigint, subject_actor bigint, key text NOT NULL, post boolean NOT NULL, reply boolean NOT NULL, created_at bigint NOT NULL,
    PRIMARY KEY (actor, subject_actor));
CREATE TABLE label (src text NOT NULL, uri text NOT NULL, cid text NOT NULL DEFAULT '', val text NOT NULL, neg boolean NOT NULL DEFAULT false,
    cts text NOT NULL, exp text, PRIMARY KEY (src, uri, cid, val));
CREATE INDEX label_uri ON label (uri);
