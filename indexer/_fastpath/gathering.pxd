"""From one frame to what a batch keeps of it (see gathering.pyx)."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from indexer._fastpath.arena cimport Arena
from indexer._fastpath.collections cimport COLLECTIONS
from indexer._fastpath.rows cimport Gathered, Row
from indexer._fastpath.span cimport Slice


cdef extern from "memory.h" nogil:
    ctypedef struct Ahead:
        pass
    void ahead_of(Ahead *ahead, const void *p, size_t n, size_t most)
    void prefetch_part(Ahead *ahead)
    void prefetch_rest(Ahead *ahead)

cdef enum:
    BATCH_IS_FULL = 1  # a commit would need more waves than there are numbers for
    EDGE_KINDS = 5  # their codes, counted from 0


ctypedef struct Options:
    bint hashes  # every block has the hash that its CID claims
    bint inversion  # paths lead to their records, and undoing the operations gives prevData
    bint without_previous  # let commits pass that lack what inversion needs
    bint keep_unknown  # records of collections that the index does not know are taken as they are
    uint64_t shard
    uint64_t shards
    int64_t now  # milliseconds


ctypedef struct Frame:
    int64_t seq
    int64_t time  # milliseconds
    int64_t rev
    int64_t since  # 0: none
    uint32_t did  # number + 1, 0: none
    uint32_t first_row
    uint32_t rows
    uint32_t n  # of an account event
    int status  # 0, a Refusal, or a code of reasons.pxd
    uint8_t kind
    bint active
    bint desynchronizes
    Slice commit  # the commit's block
    Slice text  # an identity's handle, an account's status, an error's or info's name
    Slice message
    bint has_prev_data
    bint has_signature  # where hashes were checked: a signature says nothing about blocks that may be any
    # Copied, since the frame itself has left the processor's caches when they are compared. Not cleared: `data` is there where a commit or
    # sync was proven, the others where it is said above.
    uint8_t data[32]  # digest of the tree's root after the commit
    uint8_t prev_data[32]
    uint8_t signed_digest[32]
    uint8_t signature[64]


ctypedef struct Refused:
    uint32_t frame
    int reason
    Slice path
    Slice detail


# An account that has events in the batch, and the waves that its operations have come to.
ctypedef struct Author:
    bint created  # something was created since the account's last deletion
    uint32_t last_row  # number + 1
    uint8_t base  # the wave of its last deletion
    uint8_t latest
    uint8_t waves[COLLECTIONS]  # in which wave a collection's next operation runs, if it is above `base`
    uint8_t removed[EDGE_KINDS]  # 1 + the wave in which an edge of the collection was last deleted or updated


ctypedef struct Gathering:
    Gathered gathered
    Frame *frames
    uint32_t frame_count
    Row *rows
    uint32_t row_count
    uint32_t row_room
    Refused *refused
    uint32_t refused_count
    uint32_t refused_room
    uint64_t steps  # back along accounts' rows
    Author *authors
    uint32_t author_count
    uint32_t author_room
    uint32_t ordinal  # of the next operation
    uint32_t waves
    uint64_t counts[12]
    Arena arena  # one frame's tables
    Ahead ahead  # a later frame, asked for between the steps of this one

cdef enum:
    COUNT_FRAMES = 0
    COUNT_COMMITS = 1
    COUNT_CREATES = 2  # this and the next two as the actions of frame.pxd follow one another
    COUNT_UPDATES = 3
    COUNT_DELETES = 4
    COUNT_IDENTITIES = 5
    COUNT_ACCOUNTS = 6
    COUNT_SYNCS = 7
    COUNT_OUT_OF_SHARD = 8


cdef uint64_t shard_hash(const uint8_t *did, size_t n) noexcept nogil
cdef int gather_frame(Gathering *g, const Options *options, const uint8_t *p, size_t n, size_t *offset) noexcept nogil
cdef void gathering_free(Gathering *g) noexcept nogil
