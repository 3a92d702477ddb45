# cython: boundscheck=False, wraparound=False, cdivision=True
"""Likes, reposts, follows and blocks: records that are one account pointing at one subject.

Owns: what makes such a record valid (its lexicon) and canonical, which means that rebuilding it from the columns gives the same
bytes: exactly the keys {$type, subject, createdAt, via?}, the time in the form that milliseconds give back, subjects as
`at://did/collection/rkey`, CIDs as base32 of DAG-CBOR blocks. DAG-CBOR has one encoding for one value, so the same fields are the same bytes.
"""

from libc.stdint cimport uint32_t, uint64_t

from indexer._fastpath.cbor cimport ALL_DEVIATIONS, Tolerance, is_text, read_map, read_text, take_literal
from indexer._fastpath.collections cimport BLOCK, FOLLOW, LIKE, POST, REPOST, STARTER_PACK, collection_code
from indexer._fastpath.fields cimport StrongReference, next_key, read_created_at, read_digest, read_reference, read_strong_reference
from indexer._fastpath.interning cimport Names, intern_did
from indexer._fastpath.reasons cimport BAD_DID, OK, TRAILING_BYTES, WRONG_TYPE
from indexer._fastpath.rows cimport RECORD_INVALID, RECORD_NOT_MAP, RECORD_TYPE, SUBJECT_DID, Row
from indexer._fastpath.span cimport Slice, Span, span_of_slice
from indexer._fastpath.tolerant cimport skip


cdef bint read_usual_edge(Span *s, int kind, StrongReference *subject, Slice *subject_did, Slice *created_at) noexcept nogil:
    """A record with just its type, subject and time; False, and `s` anywhere, for any other form, right or wrong."""
    if kind == LIKE:
        if not take_literal(s, b"\xa3\x65$type\x72app.bsky.feed.like\x67subject", 34):
            return False
    elif kind == REPOST:
        if not take_literal(s, b"\xa3\x65$type\x74app.bsky.feed.repost\x67subject", 36):
            return False
    elif kind == FOLLOW:
        if not take_literal(s, b"\xa3\x65$type\x75app.bsky.graph.follow\x67subject", 37):
            return False
    elif not take_literal(s, b"\xa3\x65$type\x74app.bsky.graph.block\x67subject", 36):
        return False
    if kind == LIKE or kind == REPOST:
        subject.plain = True
        if not (take_literal(s, b"\xa2\x63cid", 5) and read_text(s, &subject.cid) == OK
                and take_literal(s, b"\x63uri", 4) and read_text(s, &subject.uri) == OK):
            return False
    elif read_text(s, subject_did) < 0:
        return False
    return take_literal(s, b"\x69createdAt", 10) and read_text(s, created_at) == OK and s.p == s.end


cdef int read_any_edge(Span *s, int kind, StrongReference *subject, Slice *subject_did, Slice *created_at, StrongReference *via,
                       bint *canonical, Slice *detail) noexcept nogil:
    """The fields of an edge in whatever form, as far as they are there and of the right type."""
    cdef Tolerance tolerance
    cdef Slice key, record_type
    cdef uint64_t pairs, i
    cdef int code
    cdef bint refers_record = kind == LIKE or kind == REPOST
    code = read_map(s, &pairs)
    if code < 0:
        return RECORD_NOT_MAP if code == WRONG_TYPE else code
    subject.uri.p = NULL
    via.uri.p = NULL
    subject_did.p = NULL
    created_at.p = NULL
    record_type.p = NULL
    key.p = NULL
    key.n = 0
    for i in range(pairs):
        code = next_key(s, &key, canonical)
        if code < 0:
            return code
        if is_text(key, b"subject", 7):
            if refers_record:
                code = read_strong_reference(s, subject)
                canonical[0] = canonical[0] and subject.plain
            else:
                code = read_text(s, subject_did)
        elif is_text(key, b"$type", 5):
            code = read_text(s, &record_type)
        elif is_text(key, b"createdAt", 9):
            code = read_text(s, created_at)
        elif kind != BLOCK and is_text(key, b"via", 3):
            code = read_strong_reference(s, via)
            canonical[0] = canonical[0] and via.plain
        else:
            canonical[0] = False
            tolerance.allowed = ALL_DEVIATIONS
            code = skip(s, &tolerance)
        if code == WRONG_TYPE:
            code = RECORD_INVALID
        if code != OK:
            detail[0] = key
            return code
    if s.p != s.end:
        return TRAILING_BYTES
    if record_type.p == NULL or collection_code(record_type) != kind:
        return RECORD_TYPE
    if created_at.p == NULL:
        return RECORD_INVALID
    if (subject.uri.p if refers_record else subject_did.p) == NULL:
        return RECORD_INVALID
    return OK


cdef int parse_edge(Names *names, Row *row, Slice *detail) noexcept nogil:
    """Fill the row of an edge from `row.record`.

    Gives 0, a code below zero for broken CBOR or lack of memory, or a Refusal; `detail` is then the text that was refused, if any.
    """
    cdef Span s = span_of_slice(row.record)
    cdef StrongReference subject, via
    cdef Slice subject_did, created_at
    cdef uint32_t number
    cdef int code, found
    cdef bint canonical = True
    cdef bint refers_record = row.kind == LIKE or row.kind == REPOST
    via.uri.p = NULL
    if not read_usual_edge(&s, row.kind, &subject, &subject_did, &created_at):
        s = span_of_slice(row.record)
        code = read_any_edge(&s, row.kind, &subject, &subject_did, &created_at, &via, &canonical, detail)
        if code != OK:
            return code
    read_created_at(created_at, &row.created_at, &canonical)
    if refers_record:
        code = read_reference(names, subject.uri, POST, &row.first, &found)
        if code == OK:
            code = read_digest(subject.cid, row.first_digest, &canonical, &row.has_first_digest)
        if code != OK:
            detail[0] = subject.uri
            return code
    else:
        code = intern_did(names, subject_did, &number)
        if code == BAD_DID:
            detail[0] = subject_did
            return SUBJECT_DID
        if code < 0:
            return code
        row.first.did = number + 1
    if via.uri.p != NULL:
        code = read_reference(names, via.uri, STARTER_PACK if row.kind == FOLLOW else REPOST, &row.second, &found)
        if code == OK:
            code = read_digest(via.cid, row.second_digest, &canonical, &row.has_second_digest)
        if code < 0:
            return code
        if code != OK:
            # A wrong via costs the record nothing but its via: the original bytes are kept.
            canonical = False
            row.second.did = 0
            row.has_second_digest = False
    row.canonical = canonical
    return OK
