"""The protocol's string formats, checked without making objects (atproto.com specs: did, handle, nsid, record-key, at-uri, datetime)."""

from libc.stdint cimport int64_t

from indexer._fastpath.reasons cimport OK
from indexer._fastpath.span cimport Slice
from indexer._fastpath.text cimport text_datetime24


cdef bint is_did(Slice text) noexcept nogil
cdef bint is_handle(Slice text) noexcept nogil
cdef bint is_nsid(Slice text) noexcept nogil
cdef bint is_rkey(Slice text) noexcept nogil

# Split `at://authority[/collection[/rkey]]`, each part checked; parts that are absent come out as {NULL, 0}.
cdef int parse_at_uri(Slice text, Slice *authority, Slice *collection, Slice *rkey) noexcept nogil

# `datetime_ms` for whatever form.
cdef int any_datetime_ms(Slice text, int64_t *milliseconds, bint *canonical) noexcept nogil


cdef inline int datetime_ms(Slice text, int64_t *milliseconds, bint *canonical) noexcept nogil:
    """Milliseconds since 1970 of a datetime, finer fractions cut off; `canonical` says whether it was written YYYY-MM-DDTHH:MM:SS.mmmZ."""
    if text.n == 24 and text_datetime24(text.p, milliseconds):
        canonical[0] = True
        return OK
    return any_datetime_ms(text, milliseconds, canonical)
