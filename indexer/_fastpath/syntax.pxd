"""The protocol's string formats, checked without making objects (atproto.com specs: did, handle, nsid, record-key, at-uri, datetime)."""

from libc.stdint cimport int64_t

from indexer._fastpath.span cimport Slice


cdef bint is_did(Slice text) noexcept nogil
cdef bint is_handle(Slice text) noexcept nogil
cdef bint is_nsid(Slice text) noexcept nogil
cdef bint is_rkey(Slice text) noexcept nogil

# Split `at://authority[/collection[/rkey]]`, each part checked; parts that are absent come out as {NULL, 0}.
cdef int parse_at_uri(Slice text, Slice *authority, Slice *collection, Slice *rkey) noexcept nogil

# Milliseconds since 1970 of a datetime, finer fractions cut off; `canonical` says whether it was written YYYY-MM-DDTHH:MM:SS.mmmZ.
cdef int datetime_ms(Slice text, int64_t *milliseconds, bint *canonical) noexcept nogil
