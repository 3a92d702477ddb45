"""Likes, reposts, follows and blocks to rows."""

from indexer._fastpath.rows cimport Gathered, Row
from indexer._fastpath.span cimport Slice


cdef int parse_edge(Gathered *gathered, Row *row, Slice *detail) noexcept nogil
