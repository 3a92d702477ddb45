# cython: boundscheck=False, wraparound=False
"""The event stream's framing: two DAG-CBOR maps in a row (event-stream specification), and the body of a #commit.

Owns which fields a commit must have and the limits of the lexicon. Refuses to know whether they are true (proof) or what a record is.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memchr

from indexer._fastpath.arena cimport Arena, arena_take
from indexer._fastpath.cbor cimport (
    decode_value, is_text, read_array, read_bytes, read_cid, read_cid_or_null, read_int, read_key, read_map, read_text,
    read_text_or_null, take_literal,
)
from indexer._fastpath.collections cimport UNKNOWN_COLLECTION, collection_code
from indexer._fastpath.objects cimport span_of_bytes
from indexer._fastpath.reasons cimport (
    BAD_HEADER, BAD_OP, BAD_SEQ, FIELD_MISSING, OK, OUT_OF_MEMORY, TOO_LARGE, TOO_MANY_OPS, TRAILING_BYTES, fail,
)
from indexer._fastpath.span cimport Slice, Span, slice_at
from indexer._fastpath.text cimport text_is_ascii
from indexer._fastpath.tid cimport TID_SIZE, tid_to_int
from indexer._fastpath.tolerant cimport skip
from indexer._fastpath.usual cimport USUAL_DID, USUAL_TID, USUAL_TIME, UsualBody, UsualOp, usual_body, usual_op


cdef int read_other_header(Span *s, int *kind) noexcept nogil:
    cdef const uint8_t *start = s.p
    cdef uint64_t pairs, i
    cdef int64_t op = 0
    cdef Slice key, name
    cdef int code
    code = read_map(s, &pairs)
    if code < 0:
        return code
    key.p = NULL
    key.n = 0
    name.p = NULL
    name.n = 0
    for i in range(pairs):
        code = read_key(s, &key)
        if code < 0:
            return code
        if is_text(key, b"t", 1):
            code = read_text(s, &name)
        elif is_text(key, b"op", 2):
            code = read_int(s, &op)
        else:
            code = skip(s, NULL)
        if code < 0:
            return code
    kind[0] = FRAME_UNKNOWN
    if op == -1:
        kind[0] = FRAME_ERROR
    elif op == 0 or (op == 1 and name.p == NULL):
        s.p = start
        return BAD_HEADER
    elif op == 1:
        if is_text(name, b"#commit", 7):
            kind[0] = FRAME_COMMIT
        elif is_text(name, b"#sync", 5):
            kind[0] = FRAME_SYNC
        elif is_text(name, b"#identity", 9):
            kind[0] = FRAME_IDENTITY
        elif is_text(name, b"#account", 8):
            kind[0] = FRAME_ACCOUNT
        elif is_text(name, b"#info", 5):
            kind[0] = FRAME_INFO
    return OK


cdef int read_action(Span *s, uint8_t *action) noexcept nogil:
    cdef Slice name
    cdef const uint8_t *start = s.p
    cdef int code = read_text(s, &name)
    if code < 0:
        return code
    if is_text(name, b"create", 6):
        action[0] = ACTION_CREATE
    elif is_text(name, b"update", 6):
        action[0] = ACTION_UPDATE
    elif is_text(name, b"delete", 6):
        action[0] = ACTION_DELETE
    else:
        s.p = start
        return BAD_OP
    return OK


cdef void split_any_path(Op *op) noexcept nogil:
    cdef const uint8_t *slash = <const uint8_t *> memchr(op.path.p, b"/", op.path.n)
    op.collection.p = NULL
    op.collection.n = 0
    op.rkey.p = NULL
    op.rkey.n = 0
    op.code = UNKNOWN_COLLECTION
    op.tid = 0
    if slash != NULL and memchr(slash + 1, b"/", <size_t> (op.path.p + op.path.n - slash - 1)) == NULL:
        op.collection.p = op.path.p
        op.collection.n = <size_t> (slash - op.path.p)
        op.rkey.p = slash + 1
        op.rkey.n = op.path.n - op.collection.n - 1
        op.code = collection_code(op.collection)
        if tid_to_int(op.rkey, &op.tid) < 0:
            op.tid = 0


cdef inline bint split_usual_path(Op *op) noexcept nogil:
    """The parts of a path that is a known collection and a TID, neither of which holds a slash, as nearly every path is."""
    if op.path.n <= TID_SIZE:
        return False
    op.collection.p = op.path.p
    op.collection.n = op.path.n - TID_SIZE - 1
    op.rkey.p = op.path.p + op.path.n - TID_SIZE
    op.rkey.n = TID_SIZE
    op.code = collection_code(op.collection)
    return op.code != UNKNOWN_COLLECTION and op.path.p[op.collection.n] == b"/" and tid_to_int(op.rkey, &op.tid) == OK


cdef int read_op(Span *s, Op *op) noexcept nogil:
    cdef const uint8_t *start = s.p
    cdef uint64_t pairs, i
    cdef Slice key
    cdef bint has_cid = False
    cdef int code = read_map(s, &pairs)
    if code < 0:
        return code
    key.p = NULL
    key.n = 0
    op.action = 0
    op.cid = NULL
    op.prev = NULL
    op.path.p = NULL
    op.path.n = 0
    for i in range(pairs):
        code = read_key(s, &key)
        if code < 0:
            return code
        if is_text(key, b"cid", 3):
            has_cid = True
            code = read_cid_or_null(s, &op.cid)
        elif is_text(key, b"path", 4):
            code = read_text(s, &op.path)
        elif is_text(key, b"prev", 4):
            code = read_cid_or_null(s, &op.prev)
        elif is_text(key, b"action", 6):
            code = read_action(s, &op.action)
        else:
            code = skip(s, NULL)
        if code < 0:
            return code
    if op.action == 0 or op.path.p == NULL or not has_cid or (op.cid == NULL) != (op.action == ACTION_DELETE):
        s.p = start
        return BAD_OP
    if not split_usual_path(op):
        split_any_path(op)
    return OK


cdef inline bint read_usual_op(Span *s, Op *op) noexcept nogil:
    """A create as nearly every operation is one; at anything else `s` stays where it was."""
    cdef UsualOp usual
    cdef const uint8_t *after = usual_op(s.p, s.end, &usual)
    if after == NULL:
        return False
    op.cid = usual.cid
    op.path.p = usual.path
    op.path.n = usual.path_size
    op.prev = NULL
    op.action = ACTION_CREATE
    if not split_usual_path(op):
        if not text_is_ascii(op.path.p, op.path.n, op.path.n):
            return False
        split_any_path(op)
    s.p = after
    return True


cdef int read_ops(Span *s, Arena *arena, CommitFrame *out) noexcept nogil:
    cdef const uint8_t *start = s.p
    cdef uint64_t count, i
    cdef int code = read_array(s, &count)
    if code < 0:
        return code
    if count > MAX_OPS:
        s.p = start
        return TOO_MANY_OPS
    out.ops = <Op *> arena_take(arena, (count + 1) * sizeof(Op))
    if out.ops == NULL:
        return OUT_OF_MEMORY
    for i in range(count):
        if read_usual_op(s, &out.ops[i]):
            continue
        code = read_op(s, &out.ops[i])
        if code < 0:
            return code
    out.op_count = <uint32_t> count
    return OK


cdef bint read_usual_body(Span *s, Arena *arena, CommitFrame *out) noexcept nogil:
    """A body with all fields and no others, as today's servers write it. False, and `s` anywhere, for every other form, right or wrong."""
    cdef UsualBody usual
    if not take_literal(s, b"\xac\x63ops", 5):
        return False
    out.ops = <Op *> arena_take(arena, sizeof(Op))
    if out.ops != NULL and s.p < s.end and s.p[0] == 0x81:
        s.p += 1
        out.op_count = 1
        if not read_usual_op(s, out.ops) and read_op(s, out.ops) < 0:
            return False
    elif read_ops(s, arena, out) < 0:
        return False
    if not usual_body(s.p, s.end, &usual):
        return False
    out.seq = usual.seq
    out.repo = slice_at(usual.repo, USUAL_DID)
    out.rev = slice_at(usual.rev, USUAL_TID)
    out.since = slice_at(usual.since, USUAL_TID if usual.since != NULL else 0)
    out.time = slice_at(usual.time, USUAL_TIME)
    out.commit = usual.commit
    out.prev_data = usual.prev_data
    out.blocks = slice_at(usual.blocks, usual.blocks_size)
    s.p = s.end
    return usual.blocks_size <= MAX_BLOCKS_BYTES


cdef int read_commit_body(Span *s, Arena *arena, CommitFrame *out) noexcept nogil:
    cdef const uint8_t *start = s.p
    cdef const uint8_t *value
    cdef uint64_t pairs, i
    cdef Slice key
    cdef int code
    if read_usual_body(s, arena, out):
        return OK
    s.p = start
    out.seq = 0
    out.repo.p = NULL
    out.rev.p = NULL
    out.since.p = NULL
    out.since.n = 0
    out.time.p = NULL
    out.commit = NULL
    out.prev_data = NULL
    out.blocks.p = NULL
    out.ops = NULL
    out.op_count = 0
    code = read_map(s, &pairs)
    if code < 0:
        return code
    key.p = NULL
    key.n = 0
    for i in range(pairs):
        code = read_key(s, &key)
        if code < 0:
            return code
        value = s.p
        if is_text(key, b"ops", 3):
            code = read_ops(s, arena, out)
        elif is_text(key, b"rev", 3):
            code = read_text(s, &out.rev)
        elif is_text(key, b"seq", 3):
            code = read_int(s, &out.seq)
            if code == OK and (out.seq <= 0 or out.seq >> 53):
                s.p = value
                return BAD_SEQ
        elif is_text(key, b"repo", 4):
            code = read_text(s, &out.repo)
        elif is_text(key, b"time", 4):
            code = read_text(s, &out.time)
        elif is_text(key, b"since", 5):
            code = read_text_or_null(s, &out.since)
        elif is_text(key, b"blocks", 6):
            code = read_bytes(s, &out.blocks)
            if code == OK and out.blocks.n > MAX_BLOCKS_BYTES:
                s.p = value
                return TOO_LARGE
        elif is_text(key, b"commit", 6):
            code = read_cid(s, &out.commit)
        elif is_text(key, b"prevData", 8):
            code = read_cid_or_null(s, &out.prev_data)
        else:
            code = skip(s, NULL)
        if code < 0:
            return code
    if s.p != s.end:
        return TRAILING_BYTES
    if out.seq == 0 or out.repo.p == NULL or out.rev.p == NULL or out.time.p == NULL or out.commit == NULL:
        s.p = start
        return FIELD_MISSING
    if out.blocks.p == NULL or out.ops == NULL:
        s.p = start
        return FIELD_MISSING
    return OK


KINDS = {
    FRAME_UNKNOWN: "", FRAME_COMMIT: "#commit", FRAME_SYNC: "#sync", FRAME_IDENTITY: "#identity", FRAME_ACCOUNT: "#account",
    FRAME_INFO: "#info", FRAME_ERROR: "error",
}


def decode(bytes frame not None):
    """(kind, payload as decoded objects) of a message; kind is "#commit", "#sync", …, "error", or "" for one to be ignored (its
    payload is None then). Errors: FrameError with reason and offset."""
    cdef Span s = span_of_bytes(frame)
    cdef const uint8_t *base = s.p
    cdef int kind
    cdef int code = read_frame_header(&s, &kind)
    if code < 0:
        fail(code, s.p - base)
    if kind == FRAME_UNKNOWN:
        code = skip(&s, NULL)
        if code < 0:
            fail(code, s.p - base)
        payload = None
    else:
        payload = decode_value(&s, base, NULL)
    if s.p != s.end:
        fail(TRAILING_BYTES, s.p - base)
    if kind != FRAME_UNKNOWN and not isinstance(payload, dict):
        fail(FIELD_MISSING, s.p - base)
    return KINDS[kind], payload
