"""TIDs: 13 characters of the sortable base32 alphabet, or (compact) a positive 64-bit integer in the same order."""

from libc.stdint cimport int64_t, uint8_t, uint64_t

from indexer._fastpath.reasons cimport BAD_TID, OK
from indexer._fastpath.span cimport Slice
from indexer._fastpath.text cimport TEXT_SORTABLE, text_sortable_groups

cdef enum:
    TID_SIZE = 13


cdef inline int tid_bits(Slice text, uint64_t *out) noexcept nogil:
    """All 64 bits of a TID by syntax: 13 characters, the first of which carries four bits."""
    cdef uint64_t groups[2]
    if text.n != TID_SIZE:
        return BAD_TID
    # Two groups of eight that share three characters: 40 bits, and the last 25.
    if not text_sortable_groups(text.p, text.p + 5, groups) or groups[0] >> 39:
        return BAD_TID
    out[0] = (groups[0] << 25) | (groups[1] & 0x1FFFFFF)
    return OK


cdef inline int tid_to_int(Slice text, int64_t *out) noexcept nogil:
    """The integer of a TID; BAD_TID also for those whose top bit is set (legal by syntax, not by the layout): they are no
    positive integer and stay text."""
    cdef uint64_t bits
    cdef int code = tid_bits(text, &bits)
    if code < 0:
        return code
    if bits >> 63:
        return BAD_TID
    out[0] = <int64_t> bits
    return OK


cdef inline void tid_from_int(int64_t value, uint8_t *text) noexcept nogil:
    """Write the 13 characters of an integer that is not negative."""
    cdef uint64_t bits = <uint64_t> value
    cdef int i
    for i in range(TID_SIZE - 1, -1, -1):
        text[i] = <uint8_t> TEXT_SORTABLE[bits & 31]
        bits >>= 5
