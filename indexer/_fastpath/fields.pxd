"""Reading the fields that records share: maps whose keys may be out of order, strong references, times, record URIs.

All functions give 0, a code below zero (reasons.pxd) for broken CBOR, or a Refusal (rows.pxd) above zero.
"""

from libc.stdint cimport int64_t, uint8_t

from indexer._fastpath.cbor cimport read_key
from indexer._fastpath.did cimport DidKey, plc_key
from indexer._fastpath.interning cimport Names, Reference
from indexer._fastpath.reasons cimport KEY_ORDER, OK
from indexer._fastpath.span cimport Slice, Span, slice_at
from indexer._fastpath.tid cimport tid_to_int
from indexer._fastpath.usual cimport USUAL_DID, USUAL_TID, UsualReference


ctypedef struct StrongReference:
    Slice uri
    Slice cid
    bint plain  # nothing but these two, in order


cdef inline int next_key(Span *s, Slice *key, bint *sorted) noexcept nogil:
    """The next key of a map; one out of order is taken, and `sorted` becomes False (such records exist on the network)."""
    cdef int code = read_key(s, key)
    if code == KEY_ORDER:
        s.p = key.p + key.n
        sorted[0] = False
        return OK
    return code


cdef inline bint read_usual_reference(const UsualReference *text, DidKey *did, int64_t *key) noexcept nogil:
    """The account and key of a record's URI, if they are a did:plc and a TID; nothing is interned."""
    return (
        plc_key(slice_at(text.did, USUAL_DID), did) and tid_to_int(slice_at(text.rkey, USUAL_TID), key) == OK and key[0] > 0
    )


cdef void read_created_at(Slice text, int64_t *milliseconds, bint *canonical) noexcept nogil
cdef int read_strong_reference(Span *s, StrongReference *out) noexcept nogil
cdef int split_uri(Slice uri, Slice *authority, Slice *collection, Slice *rkey) noexcept nogil
cdef int read_reference(Names *names, Slice uri, int home, Reference *out, int *collection_found) noexcept nogil
cdef int read_digest(Slice cid, uint8_t *digest, bint *canonical, bint *known) noexcept nogil
