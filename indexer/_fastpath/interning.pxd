"""The distinct DIDs and rare paths of one batch, numbered in the order of their first use (see interning.pyx)."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from indexer._fastpath.did cimport DID_KEY_PLC, DidKey, plc_key
from indexer._fastpath.mix cimport mix_pair
from indexer._fastpath.reasons cimport OK
from indexer._fastpath.span cimport Slice


ctypedef struct Did:
    DidKey key
    Slice text
    int64_t id  # 0 until an AccountTable has answered
    uint32_t slot  # in that table
    uint32_t author  # number + 1 among the batch's authors, 0: only referred to
    bint resolved


ctypedef struct Path:
    uint8_t *text  # collection/rkey, as one string
    size_t size
    int64_t id  # 0 until resolved


ctypedef struct Names:
    Did *dids
    uint32_t did_count
    uint32_t did_room
    uint32_t *did_index
    uint64_t did_mask
    Path *paths
    uint32_t path_count
    uint32_t path_room
    uint32_t *path_index
    uint64_t path_mask
    uint64_t seed


# A record that another record names. `key` is a TID as an integer, or -(number of the path + 1); `did` is a number + 1, 0: no record.
ctypedef struct Reference:
    int64_t key
    uint32_t did


cdef void names_init(Names *names, uint64_t seed) noexcept nogil
cdef void names_free(Names *names) noexcept nogil

# `intern_did_key` where the first place of the index does not hold the DID.
cdef int search_did_key(Names *names, const DidKey *key, Slice did, uint32_t *number) noexcept nogil


cdef inline int intern_did_key(Names *names, const DidKey *key, Slice did, uint32_t *number) noexcept nogil:
    """The number of a DID whose key the caller has made; OUT_OF_MEMORY."""
    cdef const Did *found
    cdef uint32_t place
    if names.did_count:
        place = names.did_index[mix_pair(key.low, key.high, names.seed) & names.did_mask]
        if place:
            found = &names.dids[place - 1]
            if found.key.low == key.low and found.key.high == key.high and key.high >> 56 == DID_KEY_PLC:
                number[0] = place - 1
                return OK
    return search_did_key(names, key, did, number)


# `intern_did` for one of another method.
cdef int intern_other_did(Names *names, Slice did, uint32_t *number) noexcept nogil


cdef inline int intern_did(Names *names, Slice did, uint32_t *number) noexcept nogil:
    """The number of a DID; BAD_DID for what is none by syntax."""
    cdef DidKey key
    return intern_did_key(names, &key, did, number) if plc_key(did, &key) else intern_other_did(names, did, number)


cdef int intern_path(Names *names, Slice collection, Slice rkey, uint32_t *number) noexcept nogil
cdef int intern_key(Names *names, int home, int code, Slice collection, Slice rkey, int64_t *key) noexcept nogil
