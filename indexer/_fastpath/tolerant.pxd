"""Readers of DAG-CBOR that let pass what a `Tolerance` allows; without one they are as strict as those of cbor.pxd."""

from libc.stdint cimport uint8_t, uint64_t

from indexer._fastpath.cbor cimport KEYS, TEXT, Tolerance, check_order, read_head, read_text_body
from indexer._fastpath.reasons cimport KEY_NOT_TEXT, KEY_ORDER, OK
from indexer._fastpath.span cimport Slice, Span


# A head that `read_head` refused, for the reason given: the same reason, or OK where that is tolerated.
cdef int read_deviating_head(Span *s, int *major, uint64_t *argument, Tolerance *tolerance, int refused) noexcept nogil


cdef inline int read_head_tolerant(Span *s, int *major, uint64_t *argument, Tolerance *tolerance) noexcept nogil:
    """A head, with the deviations that `tolerance` (or NULL) allows."""
    cdef int code = read_head(s, major, argument)
    if code == OK or tolerance == NULL:
        return code
    return read_deviating_head(s, major, argument, tolerance, code)


cdef inline int read_next_key(Span *s, Slice *key, Tolerance *tolerance, bint *unsorted) noexcept nogil:
    """As `read_key`; keys out of order raise the flag `unsorted` where that is tolerated."""
    cdef const uint8_t *start = s.p
    cdef Slice previous = key[0]
    cdef uint64_t length
    cdef int major
    cdef int code = read_head_tolerant(s, &major, &length, tolerance)
    if code < 0:
        return code
    if major != TEXT:
        s.p = start
        return KEY_NOT_TEXT
    code = read_text_body(s, start, length, key)
    if code < 0:
        return code
    code = check_order(previous, key[0])
    if code == KEY_ORDER and tolerance != NULL and tolerance.allowed & KEYS:
        tolerance.seen |= KEYS
        unsorted[0] = True
        return OK
    if code < 0:
        s.p = start
    return code


# Whether the keys of a map that has passed every other check are unique, although not in order. `first_key` is where its pairs begin.
cdef int check_unsorted(const uint8_t *first_key, const uint8_t *end, uint64_t pairs, Tolerance *tolerance, int depth) noexcept nogil

# Step over one whole value and check all of it, without making objects. `tolerance` may be NULL: nothing is tolerated then.
cdef int skip(Span *s, Tolerance *tolerance) noexcept nogil

# The same for a value that stands in a map which is to be checked like one stepped over: one level of nesting is used up.
cdef int skip_inside(Span *s, Tolerance *tolerance) noexcept nogil
