# cython: boundscheck=False, wraparound=False
"""The commit block in whatever form: which fields it must have (repository specification, version 3)."""

from libc.stdint cimport int64_t, uint8_t, uint64_t

from indexer._fastpath.cbor cimport (
    is_text, read_bytes, read_cid, read_cid_or_null, read_int, read_key, read_map, read_text,
)
from indexer._fastpath.reasons cimport COMMIT_SIGNATURE, COMMIT_VERSION, FIELD_MISSING, OK, TOO_LARGE, TRAILING_BYTES
from indexer._fastpath.span cimport Slice, Span
from indexer._fastpath.tolerant cimport skip


cdef int read_other_commit(Span *s, Commit *out) noexcept nogil:
    cdef const uint8_t *base = s.p
    cdef const uint8_t *pair
    cdef uint64_t i
    cdef int64_t version = 0
    cdef Slice key, signature
    cdef int code
    if out.whole.n > COMMIT_LONGEST:
        return TOO_LARGE
    out.did.p = NULL
    out.rev.p = NULL
    out.data = NULL
    out.prev = NULL
    out.signature = NULL
    code = read_map(s, &out.pairs)
    if code < 0:
        return code
    out.signed_head = <size_t> (s.p - base)
    key.p = NULL
    key.n = 0
    for i in range(out.pairs):
        pair = s.p
        code = read_key(s, &key)
        if code < 0:
            return code
        if is_text(key, b"did", 3):
            code = read_text(s, &out.did)
        elif is_text(key, b"rev", 3):
            code = read_text(s, &out.rev)
        elif is_text(key, b"sig", 3):
            code = read_bytes(s, &signature)
            if code == OK:
                if signature.n != 64:
                    s.p = pair
                    return COMMIT_SIGNATURE
                out.signature = signature.p
                out.signature_start = <size_t> (pair - base)
                out.signature_end = <size_t> (s.p - base)
        elif is_text(key, b"data", 4):
            code = read_cid(s, &out.data)
        elif is_text(key, b"prev", 4):
            code = read_cid_or_null(s, &out.prev)
        elif is_text(key, b"version", 7):
            code = read_int(s, &version)
        else:
            code = skip(s, NULL)
        if code < 0:
            return code
    if s.p != s.end:
        return TRAILING_BYTES
    if version != 3:
        return COMMIT_VERSION
    if out.signature == NULL:
        return COMMIT_SIGNATURE
    if out.did.p == NULL or out.rev.p == NULL or out.data == NULL:
        return FIELD_MISSING
    return OK
