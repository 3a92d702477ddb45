"""Memory for one frame's worth of tables: taken in order, given back all at once, kept for the next frame.

Chunks never move, so pointers into them stay good until `arena_reset`. What is taken is bounded by the caller, by a small multiple of
its input.
"""

from libc.stdint cimport uint8_t
from libc.stdlib cimport free, malloc

cdef enum:
    ARENA_CHUNK = 65536
    ARENA_KEPT = 16777216


cdef struct Chunk:
    Chunk *next
    size_t capacity
    size_t used


ctypedef struct Arena:
    Chunk *first
    Chunk *current
    size_t total  # bytes of all chunks


cdef inline void arena_init(Arena *a) noexcept nogil:
    a.first = NULL
    a.current = NULL
    a.total = 0


cdef inline void *arena_take(Arena *a, size_t n) noexcept nogil:
    """`n` bytes, aligned to 16 and not cleared, or NULL where memory has run out."""
    cdef Chunk *chunk = a.current
    cdef Chunk *fresh
    cdef size_t size
    n = (n + 15) & ~<size_t> 15
    while chunk != NULL:
        if chunk.capacity - chunk.used >= n:
            chunk.used += n
            return <uint8_t *> chunk + sizeof_chunk() + (chunk.used - n)
        if chunk.next == NULL:
            break
        chunk = chunk.next
        chunk.used = 0
        a.current = chunk
    size = n if n > ARENA_CHUNK else <size_t> ARENA_CHUNK
    fresh = <Chunk *> malloc(sizeof_chunk() + size)
    if fresh == NULL:
        return NULL
    fresh.next = NULL
    fresh.capacity = size
    fresh.used = n
    if chunk == NULL:
        a.first = fresh
    else:
        chunk.next = fresh
    a.current = fresh
    a.total += size
    return <uint8_t *> fresh + sizeof_chunk()


cdef inline size_t sizeof_chunk() noexcept nogil:
    return (sizeof(Chunk) + 15) & ~<size_t> 15


cdef inline void arena_reset(Arena *a) noexcept nogil:
    """Give everything back; the chunks are kept, unless they are many: one huge frame should not hold memory for good."""
    if a.total > ARENA_KEPT:
        arena_free(a)
    a.current = a.first
    if a.first != NULL:
        a.first.used = 0


cdef inline void arena_free(Arena *a) noexcept nogil:
    """Give the chunks back to the system; the arena is empty and can be used again."""
    cdef Chunk *chunk = a.first
    cdef Chunk *following
    while chunk != NULL:
        following = chunk.next
        free(chunk)
        chunk = following
    arena_init(a)
