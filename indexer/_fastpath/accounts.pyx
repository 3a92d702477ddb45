# cython: boundscheck=False, wraparound=False, cdivision=True
"""The accounts that this process knows: DID -> (id, state of its repository, signing key), and interned rare paths.

Owns: bounded memory for them, found by a compact key and evicted by a clock. An account that a batch used whose rows are not yet
durable is never evicted, since its state there runs ahead of the database: the table grows beyond its limit rather than forget it.
Refuses to know: the database and the network. Whoever asks puts in what the table does not have.

Not for several threads at once: all calls come with the GIL held, from one thread.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcmp, memcpy, memset

import os
from typing import NamedTuple

from indexer._fastpath.did cimport DID_KEY_PLC, DidKey, did_key
from indexer._fastpath.mix cimport mix_pair
from indexer._fastpath.signatures cimport PublicKey, load_key
from indexer._fastpath.span cimport Slice

from indexer.errors import ConfigError, InvariantBroken

cdef enum:
    FIRST_ALLOCATION = 1024


class KnownAccount(NamedTuple):
    """What the table holds about one account: `rev` is 0 and `data` None where no commit is known."""

    id: int
    rev: int
    data: bytes | None
    state: int
    has_key: bool


cdef inline uint64_t mix(const DidKey *key, uint64_t seed) noexcept nogil:
    return mix_pair(key.low, key.high, seed)


cdef Slice slice_of(str text) except *:
    cdef Slice out
    cdef Py_ssize_t n
    out.p = <const uint8_t *> PyUnicode_AsUTF8AndSize(text, &n)
    out.n = <size_t> n
    return out


cdef class AccountTable:
    """A bounded table of accounts.

    limit: accounts kept; key_limit: parsed signing keys kept; path_limit: interned rare paths kept. Errors: ConfigError for a limit
    below 1.
    """

    def __cinit__(self, *, int64_t limit=1_000_000, int64_t key_limit=262_144, int64_t path_limit=200_000):
        for name, value in (("limit", limit), ("key_limit", key_limit), ("path_limit", path_limit)):
            if not 1 <= value < 1 << 31:
                raise ConfigError(f"AccountTable {name}: expected 1 to {(1 << 31) - 1}, got {value}")
        self.limit = <uint32_t> limit
        self.key_limit = <uint32_t> key_limit
        self.path_limit = path_limit
        self.paths = {}
        self.seed = int.from_bytes(os.urandom(8), "little")
        self.allocated = FIRST_ALLOCATION
        self.mask = 2 * FIRST_ALLOCATION - 1
        self.accounts = <Account *> malloc(self.allocated * sizeof(Account))
        self.index = <uint32_t *> calloc(self.mask + 1, sizeof(uint32_t))
        self.keys = <KeptKey *> malloc(self.key_limit * sizeof(KeptKey))
        if self.accounts == NULL or self.index == NULL or self.keys == NULL:
            raise MemoryError

    def __dealloc__(self):
        cdef uint32_t slot
        if self.accounts != NULL:
            for slot in range(self.count):
                free(self.accounts[slot].text)
        free(self.accounts)
        free(self.index)
        free(self.keys)

    def __len__(self) -> int:
        return self.count

    # --- the hash table ------------------------------------------------------------------------------------------

    cdef Account *find(self, const DidKey *key, Slice text) noexcept nogil:
        """The account of a key, or NULL; marks it as recently asked for."""
        cdef uint64_t at = mix(key, self.seed) & self.mask
        cdef Account *account
        while self.index[at]:
            account = &self.accounts[self.index[at] - 1]
            if account.key.low == key.low and account.key.high == key.high:
                if account.text == NULL or (
                        account.text_size == text.n and memcmp(account.text, text.p, text.n) == 0):
                    account.touched = True
                    return account
            at = (at + 1) & self.mask
        return NULL

    cdef Account *find_text(self, str did) except *:
        cdef Slice text = slice_of(did)
        cdef DidKey key
        if did_key(text, &key) < 0:
            return NULL
        return self.find(&key, text)

    cdef void place(self, uint32_t slot) noexcept nogil:
        cdef uint64_t at = mix(&self.accounts[slot].key, self.seed) & self.mask
        while self.index[at]:
            at = (at + 1) & self.mask
        self.index[at] = slot + 1

    cdef void unplace(self, uint32_t slot) noexcept nogil:
        """Take a slot out of the index and close the gap, so that no search ends early."""
        cdef uint64_t at = mix(&self.accounts[slot].key, self.seed) & self.mask
        cdef uint64_t following, home
        while self.index[at] != slot + 1:
            at = (at + 1) & self.mask
        following = at
        while True:
            following = (following + 1) & self.mask
            if not self.index[following]:
                break
            home = mix(&self.accounts[self.index[following] - 1].key, self.seed) & self.mask
            if ((following - home) & self.mask) >= ((following - at) & self.mask):
                self.index[at] = self.index[following]
                at = following
        self.index[at] = 0

    cdef int grow(self) except -1:
        cdef uint32_t wanted = self.allocated * 2
        cdef uint32_t slot
        cdef Account *accounts = <Account *> realloc(self.accounts, wanted * sizeof(Account))
        cdef uint32_t *index
        if accounts == NULL:
            raise MemoryError
        self.accounts = accounts
        index = <uint32_t *> calloc(2 * <size_t> wanted, sizeof(uint32_t))
        if index == NULL:
            raise MemoryError
        free(self.index)
        self.index = index
        self.mask = 2 * <uint64_t> wanted - 1
        self.allocated = wanted
        for slot in range(self.count):
            self.place(slot)
        return 0

    cdef uint32_t evict(self) noexcept nogil:
        """The slot of an account to forget, or `count` where none may be forgotten; looks at no more than a few thousand."""
        cdef uint32_t tries, slot
        cdef Account *account
        for tries in range(4096):
            slot = self.hand
            self.hand = slot + 1 if slot + 1 < self.count else 0
            account = &self.accounts[slot]
            if account.last_used > self.committed_generation:
                continue
            if account.touched:
                account.touched = False
                continue
            return slot
        return self.count

    cdef Account *insert(self, const DidKey *key, Slice text) except NULL:
        """A new account, all zero; the caller has looked that it is not there."""
        cdef uint32_t slot = self.count
        cdef Account *account
        cdef char *kept = NULL
        if key.high >> 56 != DID_KEY_PLC:
            kept = <char *> malloc(text.n)
            if kept == NULL:
                raise MemoryError
            memcpy(kept, text.p, text.n)
        if self.count >= self.limit:
            slot = self.evict()
        if slot < self.count:
            self.unplace(slot)
            self.drop_key(&self.accounts[slot])
            free(self.accounts[slot].text)
        else:
            if self.count == self.allocated:
                try:
                    self.grow()
                except MemoryError:
                    free(kept)
                    raise
            self.count += 1
        account = &self.accounts[slot]
        memset(account, 0, sizeof(Account))
        account.key = key[0]
        account.text = kept
        account.text_size = <uint32_t> text.n
        account.last_used = self.generation
        self.place(slot)
        return account

    # --- signing keys --------------------------------------------------------------------------------------------

    cdef int keep_key(self, Account *account, const uint8_t *key, size_t n) except -1:
        cdef PublicKey parsed
        cdef uint32_t at
        load_key(key, n, &parsed)
        if account.public_key:
            self.keys[account.public_key - 1].key = parsed
            return 0
        if self.key_count < self.key_limit:
            at = self.key_count
            self.key_count += 1
        else:
            while self.keys[self.key_hand].touched:
                self.keys[self.key_hand].touched = False
                self.key_hand = (self.key_hand + 1) % self.key_limit
            at = self.key_hand
            self.key_hand = (at + 1) % self.key_limit
            if self.keys[at].owner:
                self.accounts[self.keys[at].owner - 1].public_key = 0
        self.keys[at].key = parsed
        self.keys[at].owner = <uint32_t> (account - self.accounts) + 1
        self.keys[at].touched = True
        account.public_key = at + 1
        return 0

    cdef void drop_key(self, Account *account) noexcept nogil:
        if account.public_key:
            self.keys[account.public_key - 1].owner = 0
            self.keys[account.public_key - 1].touched = False
            account.public_key = 0

    cdef const PublicKey *key_of(self, const Account *account) noexcept nogil:
        if not account.public_key:
            return NULL
        self.keys[account.public_key - 1].touched = True
        return &self.keys[account.public_key - 1].key

    # --- what the rest of the program calls -------------------------------------------------------------------------

    def put(self, str did not None, int64_t actor, int64_t rev=0, bytes data=None, int state=SYNCHRONIZED, bytes key=None) -> None:
        """Add an account, or replace what is known about it.

        actor: its id, above 0; rev: the TID of the last commit as an integer, 0 if none; data: 32-byte digest of the MST's root; state: 0
        synchronized, 1 desynchronized, 2 resync in progress, 3 refused; key: 34 bytes (curve, compressed point). Errors:
        InvariantBroken where an account that is there has another id, VerificationError for a bad key, ValueError for data of another length.
        """
        cdef Slice text = slice_of(did)
        cdef DidKey compact
        cdef Account *account
        if data is not None and len(data) != 32:
            raise ValueError(f"data of {did}: expected 32 bytes, got {len(data)}")
        if actor <= 0:
            raise InvariantBroken(f"account {did} got the id {actor}")
        if did_key(text, &compact) < 0:
            raise InvariantBroken(f"account {did!r} is no DID")
        account = self.find(&compact, text)
        if account == NULL:
            account = self.insert(&compact, text)
        elif account.id != actor:
            raise InvariantBroken(f"account {did} has the id {account.id} and got {actor}")
        account.id = actor
        account.last_used = self.generation
        self.set_state_of(account, rev, data, state)
        if key is not None:
            self.keep_key(account, <const uint8_t *> PyBytes_AS_STRING(key), <size_t> PyBytes_GET_SIZE(key))

    cdef int set_state_of(self, Account *account, int64_t rev, bytes data, int state) except -1:
        account.rev = rev
        account.state = <uint8_t> state
        account.has_data = data is not None
        if account.has_data:
            memcpy(account.data, PyBytes_AS_STRING(data), 32)
        return 0

    def set_state(self, str did not None, int64_t rev, bytes data, int state) -> bool:
        """Say what a resync found; False if the account is not in the table (then the store's answer counts when it is next put)."""
        cdef Account *account = self.find_text(did)
        if data is not None and len(data) != 32:
            raise ValueError(f"data of {did}: expected 32 bytes, got {len(data)}")
        if account == NULL:
            return False
        self.set_state_of(account, rev, data, state)
        return True

    def put_key(self, str did not None, bytes key) -> bool:
        """Keep the signing key of an account (None: forget it); False if the account is not in the table."""
        cdef Account *account = self.find_text(did)
        if account == NULL:
            return False
        if key is None:
            self.drop_key(account)
        else:
            self.keep_key(account, <const uint8_t *> PyBytes_AS_STRING(key), <size_t> PyBytes_GET_SIZE(key))
        return True

    def get(self, str did not None) -> KnownAccount | None:
        """What is known about an account, or None."""
        cdef Account *account = self.find_text(did)
        if account == NULL:
            return None
        data = PyBytes_FromStringAndSize(<char *> account.data, 32) if account.has_data else None
        return KnownAccount(account.id, account.rev, data, account.state, account.public_key != 0)

    def id(self, str did not None) -> int | None:
        """The id of an account, or None where the table does not hold it."""
        cdef Account *account = self.find_text(did)
        return None if account == NULL else account.id

    def put_path(self, str path not None, int64_t number) -> None:
        """Keep the interned id (below 0) of a path `collection/rkey`."""
        if number >= 0:
            raise InvariantBroken(f"path {path} got the id {number}")
        self.paths.pop(path, None)
        while len(self.paths) >= self.path_limit:
            del self.paths[next(iter(self.paths))]
        self.paths[path] = number

    def path_id(self, str path not None) -> int | None:
        """The interned id of a path, or None."""
        return self.paths.get(path)

    def committed(self, uint32_t generation) -> None:
        """Everything that the batches up to this generation used is durable: their accounts may be evicted again."""
        if generation > self.committed_generation:
            self.committed_generation = generation
