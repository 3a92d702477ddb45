# cython: boundscheck=False, wraparound=False, cdivision=True
"""The fields that several record types have in common (fields.pxd says what the functions give)."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memchr, memcmp, memcpy

from indexer._fastpath.cbor cimport ALL_DEVIATIONS, Tolerance, is_text, read_map, read_text
from indexer._fastpath.cid cimport DAG_CBOR, cid_from_text
from indexer._fastpath.collections cimport collection_code
from indexer._fastpath.interning cimport Names, Reference, intern_did, intern_key
from indexer._fastpath.reasons cimport BAD_DID, BAD_SYNTAX, OK, WRONG_TYPE
from indexer._fastpath.rows cimport RECORD_INVALID, SUBJECT_CID, SUBJECT_HANDLE, SUBJECT_URI
from indexer._fastpath.span cimport Slice, Span
from indexer._fastpath.syntax cimport datetime_ms
from indexer._fastpath.tolerant cimport skip

cdef enum:
    MAX_CID_TEXT = 256
    MAX_URI = 8192


cdef void read_created_at(Slice text, int64_t *milliseconds, bint *canonical) noexcept nogil:
    """A record's time: one without a timezone counts as UTC, and what is no time becomes the epoch (the reference's
    `normalizeDatetimeAlways`). `canonical` becomes False unless the milliseconds give the same text back."""
    cdef uint8_t zoned[32]
    cdef Slice longer
    cdef bint exact
    if datetime_ms(text, milliseconds, &exact) < 0:
        canonical[0] = False
        if text.n < sizeof(zoned):
            memcpy(zoned, text.p, text.n)
            zoned[text.n] = b"Z"
            longer.p = zoned
            longer.n = text.n + 1
            if datetime_ms(longer, milliseconds, &exact) == OK:
                return
        milliseconds[0] = 0
    elif not exact:
        canonical[0] = False


cdef int read_strong_reference(Span *s, StrongReference *out) noexcept nogil:
    """A map {uri, cid}, both text; RECORD_INVALID where it is something else."""
    cdef Tolerance tolerance
    cdef uint64_t pairs, i
    cdef Slice key
    cdef int code
    out.uri.p = NULL
    out.cid.p = NULL
    out.plain = True
    code = read_map(s, &pairs)
    if code < 0:
        return RECORD_INVALID if code == WRONG_TYPE else code
    key.p = NULL
    key.n = 0
    for i in range(pairs):
        code = next_key(s, &key, &out.plain)
        if code < 0:
            return code
        if is_text(key, b"uri", 3):
            code = read_text(s, &out.uri)
        elif is_text(key, b"cid", 3):
            code = read_text(s, &out.cid)
        else:
            out.plain = False
            tolerance.allowed = ALL_DEVIATIONS
            code = skip(s, &tolerance)
        if code < 0:
            return RECORD_INVALID if code == WRONG_TYPE else code
    if out.uri.p == NULL or out.cid.p == NULL:
        return RECORD_INVALID
    return OK


cdef int split_uri(Slice uri, Slice *authority, Slice *collection, Slice *rkey) noexcept nogil:
    """`at://authority/collection/rkey` cut in parts, which are not checked; SUBJECT_URI for any other form."""
    cdef const uint8_t *end = uri.p + uri.n
    cdef const uint8_t *slash
    if uri.n < 12 or uri.n > MAX_URI or memcmp(uri.p, <const char *> b"at://", 5) != 0:
        return SUBJECT_URI
    authority.p = uri.p + 5
    slash = <const uint8_t *> memchr(authority.p, b"/", <size_t> (end - authority.p))
    if slash == NULL:
        return SUBJECT_URI
    authority.n = <size_t> (slash - authority.p)
    collection.p = slash + 1
    slash = <const uint8_t *> memchr(collection.p, b"/", <size_t> (end - collection.p))
    if slash == NULL:
        return SUBJECT_URI
    collection.n = <size_t> (slash - collection.p)
    rkey.p = slash + 1
    rkey.n = <size_t> (end - slash - 1)
    return OK


cdef int read_reference(Names *names, Slice uri, int home, Reference *out, int *collection_found) noexcept nogil:
    """Intern the record that a URI names; `home` is the collection whose TIDs stand for themselves. A Refusal leaves `out` alone."""
    cdef Slice authority, collection, rkey
    cdef uint32_t number
    cdef int64_t key
    cdef int code = split_uri(uri, &authority, &collection, &rkey)
    if code != OK:
        return code
    code = intern_did(names, authority, &number)
    if code == BAD_DID:
        return SUBJECT_URI if authority.n >= 4 and memcmp(authority.p, <const char *> b"did:", 4) == 0 else SUBJECT_HANDLE
    if code < 0:
        return code
    collection_found[0] = collection_code(collection)
    code = intern_key(names, home, collection_found[0], collection, rkey, &key)
    if code < 0:
        return SUBJECT_URI if code == BAD_SYNTAX else code
    out.key = key
    out.did = number + 1
    return OK


cdef int read_digest(Slice cid, uint8_t *digest, bint *canonical, bint *known) noexcept nogil:
    """The digest of a CID's text. Another kind of CID is no digest but is kept (not canonical); SUBJECT_CID for what cannot be a CID."""
    cdef uint8_t raw[36]
    cdef size_t i
    cdef uint8_t c
    known[0] = False
    if cid_from_text(cid, raw) == OK:
        if raw[1] != DAG_CBOR:
            canonical[0] = False
        memcpy(digest, raw + 4, 32)
        known[0] = True
        return OK
    canonical[0] = False
    if cid.n < 8 or cid.n > MAX_CID_TEXT:
        return SUBJECT_CID
    for i in range(cid.n):
        c = cid.p[i]
        if not (b"a" <= c <= b"z" or b"A" <= c <= b"Z" or b"0" <= c <= b"9" or c == b"+" or c == b"=" or c == b"/"):
            return SUBJECT_CID
    return OK
