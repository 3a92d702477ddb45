"""The layout of a batch (see batch.pyx)."""

from libc.stdint cimport int64_t, uint8_t, uint32_t

from indexer._fastpath.accounts cimport Account, AccountTable
from indexer._fastpath.copyrows cimport WaveRows
from indexer._fastpath.gathering cimport Frame, Gathering
from indexer._fastpath.rows cimport Row
from indexer._fastpath.signatures cimport PublicKey


# What an account was before `gate` moved it on.
ctypedef struct Former:
    uint32_t slot
    int64_t rev
    uint8_t data[32]
    uint8_t state
    bint has_data


cdef class Batch:
    cdef Gathering g
    cdef readonly list frames  # the bytes that everything points into
    cdef readonly uint32_t generation  # 0 until `unknown` has been called
    cdef readonly object error
    cdef readonly Py_ssize_t taken
    cdef AccountTable table  # the one that `unknown` was asked with: slots are numbers in it
    cdef Former *formers
    cdef uint32_t former_count
    cdef PublicKey *keys  # one a frame, for `verify`
    cdef uint32_t *order  # numbers of rows, by wave, group and n
    cdef uint32_t *starts  # where each wave's groups begin in it
    cdef bint finished

    cdef int belong(self, AccountTable accounts) except -1
    cdef Account *author(self, AccountTable accounts, uint32_t frame) except NULL
    cdef int verify_one_p256(self, uint32_t i) except -1
    cdef tuple mentions_of(self, const WaveRows *rows, const Row *row)
    cdef str rkey_of(self, const Row *row)
    cdef object drop_of(self, str label, const Frame *frame, str detail)
    cdef Account *account_of(self, AccountTable accounts, uint32_t did) except? NULL
    cdef str did_at(self, uint32_t did)
    cdef str path_at(self, uint32_t path)
    cdef int need_finished(self) except -1
    cdef void sort_rows(self) noexcept nogil
    cdef WaveRows rows_of(self, int wave, int group) except *
    cdef int remember(self, AccountTable accounts, Account *account) except -1
    cdef void verify_range(self, uint32_t start, uint32_t end) noexcept nogil
