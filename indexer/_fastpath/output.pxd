"""Bytes that are written from front to back into memory which grows."""

from libc.stdint cimport uint8_t
from libc.stdlib cimport realloc
from libc.string cimport memcpy

from indexer._fastpath.reasons cimport OK, OUT_OF_MEMORY


ctypedef struct Output:
    uint8_t *data  # malloc'ed; the owner frees it
    size_t used
    size_t capacity


cdef inline int reserve(Output *out, size_t n) noexcept nogil:
    """Make room for `n` bytes more: OK or OUT_OF_MEMORY."""
    return OK if out.capacity - out.used >= n else grow(out, n)


cdef inline int grow(Output *out, size_t n) noexcept nogil:
    cdef size_t capacity = out.capacity * 2 + n + 64
    cdef uint8_t *moved = <uint8_t *> realloc(out.data, capacity)
    if moved == NULL:
        return OUT_OF_MEMORY
    out.data = moved
    out.capacity = capacity
    return OK


cdef inline void put(Output *out, const void *data, size_t n) noexcept nogil:
    """Append what room was reserved for."""
    memcpy(out.data + out.used, data, n)
    out.used += n


cdef inline void put_byte(Output *out, uint8_t value) noexcept nogil:
    out.data[out.used] = value
    out.used += 1
