"""A message of subscribeRepos: which kind it is and, for a commit, its fields and operations in place."""

from libc.stdint cimport int64_t, uint8_t, uint32_t

from indexer._fastpath.arena cimport Arena
from indexer._fastpath.cbor cimport take_literal
from indexer._fastpath.reasons cimport OK
from indexer._fastpath.span cimport Slice, Span

cdef enum FrameKind:
    FRAME_UNKNOWN = 0  # to be ignored
    FRAME_COMMIT = 1
    FRAME_SYNC = 2
    FRAME_IDENTITY = 3
    FRAME_ACCOUNT = 4
    FRAME_INFO = 5
    FRAME_ERROR = 6

cdef enum Action:
    ACTION_CREATE = 1
    ACTION_UPDATE = 2
    ACTION_DELETE = 3

cdef enum:
    MAX_OPS = 200
    MAX_BLOCKS_BYTES = 2000000


ctypedef struct Op:
    Slice path
    Slice collection  # up to the path's one slash; {NULL, 0} both where the path is not of two parts
    Slice rkey
    int64_t tid  # the record key as an integer; 0 where it is none
    int code  # of the collection
    const uint8_t *cid  # 36 bytes; NULL for a delete
    const uint8_t *prev  # 36 bytes, or NULL where it was not sent
    uint8_t action


ctypedef struct CommitFrame:
    int64_t seq
    Slice repo
    Slice rev
    Slice since  # {NULL, 0} where null or missing
    Slice time
    const uint8_t *commit  # 36 bytes
    const uint8_t *prev_data  # 36 bytes, or NULL where it was not sent
    Slice blocks
    Op *ops  # in the arena
    uint32_t op_count


# `read_frame_header` for whatever form.
cdef int read_other_header(Span *s, int *kind) noexcept nogil


cdef inline int read_frame_header(Span *s, int *kind) noexcept nogil:
    """The header; `s` steps over it. FRAME_UNKNOWN for kinds and ops that are to be ignored."""
    if take_literal(s, b"\xa2\x61t\x67#commit\x62op\x01", 15):
        kind[0] = FRAME_COMMIT
        return OK
    return read_other_header(s, kind)


# The body of a #commit, to its last byte; `s` stops where it is refused.
cdef int read_commit_body(Span *s, Arena *arena, CommitFrame *out) noexcept nogil
