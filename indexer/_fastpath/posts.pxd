"""Posts and every other record to rows."""

from indexer._fastpath.interning cimport Names
from indexer._fastpath.rows cimport Gathered, Row
from indexer._fastpath.span cimport Slice


cdef int parse_post(Gathered *gathered, Row *row, Slice *detail) noexcept nogil
cdef int parse_other(Names *names, Row *row, Slice *detail) noexcept nogil
