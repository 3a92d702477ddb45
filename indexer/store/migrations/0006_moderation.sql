-- Records that our own operator took down. Private state, as actor.takedown_ref is; each stands as a label of ours besides.
CREATE TABLE takedown (
    uri text COLLATE "C" PRIMARY KEY,
    ref text NOT NULL,
    created_at bigint NOT NULL
);

-- How far the streams of labelers have been followed.
CREATE TABLE labeler_cursor (
    did text COLLATE "C" PRIMARY KEY,
    seq bigint NOT NULL
);
