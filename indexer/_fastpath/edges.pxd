"""Likes, reposts, follows and blocks to rows."""

from indexer._fastpath.interning cimport Names
from indexer._fastpath.rows cimport Row
from indexer._fastpath.span cimport Slice


cdef int parse_edge(Names *names, Row *row, Slice *detail) noexcept nogil
