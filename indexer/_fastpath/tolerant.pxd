"""Readers of DAG-CBOR that let pass what a `Tolerance` allows; without one they are as strict as those of cbor.pxd."""

from libc.stdint cimport uint8_t, uint64_t

from indexer._fastpath.cbor cimport KEYS, TEXT, Tolerance, compare_keys, read_head
from indexer._fastpath.reasons cimport BAD_UTF8, KEY_DUPLICATE, KEY_NOT_TEXT, KEY_ORDER, OK, TRUNCATED
from indexer._fastpath.span cimport Slice, Span, take
from indexer._fastpath.text cimport text_is_utf8


# A head that `read_head` refused, for the reason given: the same reason, or OK where that is tolerated.
cdef int read_deviating_head(Span *s, int *major, uint64_t *argument, Tolerance *tolerance, int refused) noexcept nogil


cdef inline int read_head_tolerant(Span *s, int *major, uint64_t *argument, Tolerance *tolerance) noexcept nogil:
    """A head, with the deviations that `tolerance` (or NULL) allows."""
    cdef int code = read_head(s, major, argument)
    if code == OK or tolerance == NULL:
        return code
    return read_deviating_head(s, major, argument, tolerance, code)


cdef inline int read_text_body(Span *s, const uint8_t *start, uint64_t length, Slice *out) noexcept nogil:
    """A text's bytes, after its head, which began at `start`."""
    if take(s, length, out) < 0:
        s.p = start
        return TRUNCATED
    if not text_is_utf8(out.p, out.n, <size_t> (s.end - out.p)):
        s.p = start
        return BAD_UTF8
    return OK


cdef inline int read_next_key(Span *s, Slice *key, Tolerance *tolerance, bint *unsorted) noexcept nogil:
    """As `read_key`; keys out of order raise the flag `unsorted` where that is tolerated."""
    cdef const uint8_t *start = s.p
    cdef Slice previous = key[0]
    cdef uint64_t length
    cdef int major, order
    cdef int code = read_head_tolerant(s, &major, &length, tolerance)
    if code < 0:
        return code
    if major != TEXT:
        s.p = start
        return KEY_NOT_TEXT
    code = read_text_body(s, start, length, key)
    if code < 0:
        return code
    if previous.p != NULL:
        order = compare_keys(previous, key[0])
        if order >= 0:
            if order > 0 and tolerance != NULL and tolerance.allowed & KEYS:
                tolerance.seen |= KEYS
                unsorted[0] = True
                return OK
            s.p = start
            return KEY_DUPLICATE if order == 0 else KEY_ORDER
    return OK


# Whether the keys of a map that has passed every other check are unique, although not in order. `first_key` is where its pairs begin.
cdef int check_unsorted(const uint8_t *first_key, const uint8_t *end, uint64_t pairs, Tolerance *tolerance, int depth) noexcept nogil

# Step over one whole value and check all of it, without making objects. `tolerance` may be NULL: nothing is tolerated then.
cdef int skip(Span *s, Tolerance *tolerance) noexcept nogil
