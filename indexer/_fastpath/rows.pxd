"""What the records of a batch become before ids are known: one `Row` per operation that is kept (see batch.pyx).

Pointers go into the frames, which the batch keeps alive.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t

from indexer._fastpath.interning cimport Names, Reference
from indexer._fastpath.span cimport Slice
from indexer._fastpath.text cimport TextDay


cdef enum:
    WAVE_SHIFT = 24
    MAX_WAVES = 127

cdef enum Refusal:
    # of a commit
    REPLAYED = 1
    OUT_OF_SHARD = 2
    FUTURE_REV = 3
    HELD = 4
    REFUSED_ACCOUNT = 5
    SIGNATURE_INVALID = 6
    KEY_UNKNOWN = 7
    # of an operation
    UNKNOWN_KIND = 20
    RECORD_CBOR = 21
    RECORD_NOT_MAP = 22
    RECORD_TYPE = 23
    RECORD_INVALID = 24
    SUBJECT_HANDLE = 25
    SUBJECT_URI = 26
    SUBJECT_CID = 27
    SUBJECT_DID = 28
    RECORD_TOO_LARGE = 29


ctypedef struct Row:
    uint32_t frame
    uint32_t did  # the author's number in Names
    int64_t key  # as in Reference
    uint8_t action  # frame.pxd's
    uint8_t kind
    bint canonical  # edges: the record can be rebuilt from the columns
    bint has_first_digest
    bint has_second_digest
    uint32_t previous  # number + 1 of the account's row before this one
    uint32_t n  # wave << WAVE_SHIFT | place in the batch
    uint32_t flags
    Slice record
    const uint8_t *cid  # 36 bytes
    int64_t created_at  # milliseconds
    Reference first  # subject of an edge, parent of a post
    Reference second  # via of an edge, root of a post
    Reference third  # what a post quotes
    uint32_t mentions_start
    uint32_t mentions
    # Not cleared: there where `has_first_digest` and `has_second_digest` say so.
    uint8_t first_digest[32]  # CID of the subject, or of the quoted post
    uint8_t second_digest[32]  # CID of via


# What parsing a record adds to, besides its row.
ctypedef struct Gathered:
    Names names
    TextDay day  # of the last time
    uint32_t *mentions  # numbers of DIDs
    uint32_t mention_count
    uint32_t mention_room
