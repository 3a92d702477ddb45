"""A stretch of somebody else's bytes and the only ways to advance in it.

Every reader of this package takes a `Span *` and leaves `p` at the byte that it refuses, so that the caller can name the offset.
A length that came from the input is compared, unsigned, with the bytes that are left before it moves a pointer.
"""

from libc.stdint cimport uint8_t, uint64_t

from indexer._fastpath.reasons cimport OK, TRUNCATED


ctypedef struct Span:
    const uint8_t *p
    const uint8_t *end


ctypedef struct Slice:
    const uint8_t *p
    size_t n


cdef inline Slice slice_at(const uint8_t *p, size_t n) noexcept nogil:
    cdef Slice out
    out.p = p
    out.n = n
    return out


cdef inline Span span_of(const uint8_t *p, size_t n) noexcept nogil:
    cdef Span s
    s.p = p
    s.end = p + n
    return s


cdef inline Span span_of_slice(Slice part) noexcept nogil:
    return span_of(part.p, part.n)


cdef inline size_t left(const Span *s) noexcept nogil:
    return <size_t> (s.end - s.p)


cdef inline int take(Span *s, uint64_t n, Slice *out) noexcept nogil:
    """Give the next `n` bytes and step over them; TRUNCATED (and no step) where fewer are left."""
    if n > <uint64_t> (s.end - s.p):
        return TRUNCATED
    out.p = s.p
    out.n = <size_t> n
    s.p += n
    return OK
