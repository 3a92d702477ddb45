"""The layout of the table of known accounts (see accounts.pyx)."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from indexer._fastpath.did cimport DidKey
from indexer._fastpath.signatures cimport PublicKey
from indexer._fastpath.span cimport Slice


cdef enum RepoState:
    SYNCHRONIZED = 0
    DESYNCHRONIZED = 1
    IN_PROGRESS = 2
    REFUSED = 3  # its commits are not wanted at all


ctypedef struct Account:
    DidKey key
    char *text  # the whole DID where the key is only a hash of it, else NULL
    uint32_t text_size
    uint32_t last_used  # the generation of the last batch that used the account
    int64_t id
    int64_t rev  # 0: no commit known
    uint8_t data[32]
    uint32_t public_key  # index + 1 into the keys, 0: none kept
    uint8_t state
    bint has_data
    bint touched  # the clock's second chance


ctypedef struct KeptKey:
    PublicKey key
    uint32_t owner
    bint touched


cdef Slice slice_of(str text) except *


cdef class AccountTable:
    cdef Account *accounts
    cdef uint32_t count  # slots of `accounts` in use: all below it
    cdef uint32_t allocated
    cdef uint32_t limit
    cdef uint32_t hand
    cdef uint32_t *index  # open addressing: slot + 1, or 0
    cdef uint64_t mask
    cdef uint64_t seed
    cdef KeptKey *keys
    cdef uint32_t key_count
    cdef uint32_t key_limit
    cdef uint32_t key_hand
    cdef dict paths
    cdef Py_ssize_t path_limit
    cdef readonly uint32_t generation
    cdef uint32_t committed_generation

    cdef Account *find(self, const DidKey *key, Slice text) noexcept nogil
    cdef Account *find_text(self, str did) except *
    cdef Account *insert(self, const DidKey *key, Slice text) except NULL
    cdef int grow(self) except -1
    cdef void place(self, uint32_t slot) noexcept nogil
    cdef void unplace(self, uint32_t slot) noexcept nogil
    cdef uint32_t evict(self) noexcept nogil
    cdef int set_state_of(self, Account *account, int64_t rev, bytes data, int state) except -1
    cdef int keep_key(self, Account *account, const uint8_t *key, size_t n) except -1
    cdef void drop_key(self, Account *account) noexcept nogil
    cdef const PublicKey *key_of(self, const Account *account) noexcept nogil
