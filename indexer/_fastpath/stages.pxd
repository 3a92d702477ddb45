"""The layout of a batch before it gives rows (see stages.pyx)."""

from cython cimport final
from libc.stdint cimport uint32_t

from indexer._fastpath.accounts cimport Account, AccountTable
from indexer._fastpath.gathering cimport Gathering
from indexer._fastpath.signatures cimport PublicKey
from indexer._fastpath.span cimport Slice

# What the rows of a wave are for: the groups 1 to 5 are the codes of the edges' collections and of posts.
cdef enum:
    DELETED = 0
    OTHERS = 6
    GROUPS = 7
    PLACES = 897  # the groups of 128 waves, and one


cdef str text_of(Slice part)


cdef class Stages:
    cdef Gathering g
    cdef readonly list frames  # the bytes that everything points into
    cdef readonly uint32_t generation  # 0 until `unknown` has been called
    cdef readonly object error
    cdef readonly Py_ssize_t taken
    cdef AccountTable table  # the one that `unknown` was asked with: slots are numbers in it
    cdef bint gated  # accounts have been moved on
    cdef PublicKey *keys  # one a frame, for `verify`
    cdef uint32_t *order  # numbers of rows, by wave, group and n
    cdef uint32_t *starts  # where each wave's groups begin in it
    cdef bint finished

    cdef str did_at(self, uint32_t did)
    cdef str path_at(self, uint32_t path)
    cdef Account *account_of(self, AccountTable accounts, uint32_t did) except? NULL
    cdef int belong(self, AccountTable accounts) except -1
    @final
    cdef Account *author(self, AccountTable accounts, uint32_t frame) except NULL
    cdef void verify_range(self, uint32_t start, uint32_t end) noexcept nogil
    cdef void sort_rows(self, uint32_t *places) noexcept nogil
