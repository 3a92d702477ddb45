# cython: boundscheck=False, wraparound=False, cdivision=True
"""Likes, reposts, follows and blocks: records that are one account pointing at one subject.

Owns: what makes such a record valid (its lexicon) and canonical, which means that rebuilding it from the columns gives the same
bytes: exactly the keys {$type, subject, createdAt, via?}, the time in the form that milliseconds give back, subjects as
`at://did/collection/rkey`, CIDs as base32 of DAG-CBOR blocks. DAG-CBOR has one encoding for one value, so the same fields are the same bytes.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from indexer._fastpath.cbor cimport ALL_DEVIATIONS, Tolerance, is_text, read_map, read_text
from indexer._fastpath.cid cimport DAG_CBOR, cid_from_text
from indexer._fastpath.collections cimport BLOCK, FOLLOW, LIKE, POST, REPOST, STARTER_PACK, collection_code
from indexer._fastpath.did cimport DidKey, plc_key
from indexer._fastpath.fields cimport (
    StrongReference, next_key, read_created_at, read_digest, read_reference, read_strong_reference, read_usual_reference,
)
from indexer._fastpath.interning cimport Names, intern_did, intern_did_key
from indexer._fastpath.reasons cimport BAD_DID, OK, OUT_OF_MEMORY, TRAILING_BYTES, WRONG_TYPE
from indexer._fastpath.rows cimport RECORD_INVALID, RECORD_NOT_MAP, RECORD_TYPE, SUBJECT_DID, Gathered, Row
from indexer._fastpath.span cimport Slice, Span, slice_at, span_of_slice
from indexer._fastpath.text cimport text_datetime24_near
from indexer._fastpath.tolerant cimport skip
from indexer._fastpath.usual cimport (
    USUAL_CID_TEXT, USUAL_DID, UsualEdge, UsualReference, usual_block, usual_follow, usual_like, usual_repost,
)


cdef inline bint read_usual_digest(const UsualReference *text, uint8_t *digest) noexcept nogil:
    """The digest of a CID's text, if it is that of a DAG-CBOR block."""
    cdef uint8_t cid[36]
    if cid_from_text(slice_at(text.cid, USUAL_CID_TEXT), cid) < 0 or cid[1] != DAG_CBOR:
        return False
    memcpy(digest, cid + 4, 32)
    return True


cdef int parse_usual_edge(Gathered *gathered, Row *row) noexcept nogil:
    """Fill the row of a canonical edge of the usual layout. False, with nothing interned, for any other form, right or wrong; a code below
    zero where memory has run out."""
    cdef const uint8_t *p = row.record.p
    cdef Names *names = &gathered.names
    cdef UsualEdge edge
    cdef DidKey subject, via
    cdef uint32_t number
    cdef bint found
    if row.kind == LIKE:
        found = usual_like(p, row.record.n, &edge)
    elif row.kind == REPOST:
        found = usual_repost(p, row.record.n, &edge)
    elif row.kind == FOLLOW:
        found = usual_follow(p, row.record.n, &edge)
    else:
        found = usual_block(p, row.record.n, &edge)
    if not found or not text_datetime24_near(edge.created_at, &row.created_at, &gathered.day):
        return False
    if row.kind == LIKE or row.kind == REPOST:
        if not (read_usual_reference(&edge.subject, &subject, &row.first.key) and read_usual_digest(&edge.subject, row.first_digest)):
            return False
    elif not plc_key(slice_at(edge.subject.did, USUAL_DID), &subject):
        return False
    if edge.via.cid != NULL:
        if not (read_usual_reference(&edge.via, &via, &row.second.key) and read_usual_digest(&edge.via, row.second_digest)):
            return False
    if intern_did_key(names, &subject, slice_at(edge.subject.did, USUAL_DID), &number) < 0:
        return OUT_OF_MEMORY
    row.first.did = number + 1
    row.has_first_digest = row.kind == LIKE or row.kind == REPOST
    if edge.via.cid != NULL:
        row.has_second_digest = True
        if intern_did_key(names, &via, slice_at(edge.via.did, USUAL_DID), &number) < 0:
            return OUT_OF_MEMORY
        row.second.did = number + 1
    row.canonical = True
    return True


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


cdef int parse_edge(Gathered *gathered, Row *row, Slice *detail) noexcept nogil:
    """Fill the row of an edge from `row.record`.

    Gives 0, a code below zero for broken CBOR or lack of memory, or a Refusal; `detail` is then the text that was refused, if any.
    """
    cdef Span s = span_of_slice(row.record)
    cdef Names *names = &gathered.names
    cdef StrongReference subject, via
    cdef Slice subject_did, created_at
    cdef uint32_t number
    cdef int code, found
    cdef bint canonical = True
    cdef bint refers_record = row.kind == LIKE or row.kind == REPOST
    code = parse_usual_edge(gathered, row)
    if code:
        return OK if code > 0 else code
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
