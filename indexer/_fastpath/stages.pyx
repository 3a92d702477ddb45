# cython: boundscheck=False, wraparound=False, cdivision=True
"""The steps of a batch between decoding and rows: names to ids, signatures, the chain of commits, order.

Owns: what each step drops, and that they are taken in order and with one and the same table of accounts. Refuses to know: where ids,
keys and states come from (whoever asks `unknown` and `keys_needed` puts them into the table), and what rows look like (batch.pyx).
"""

from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcmp, memcpy, memset

import os
import threading

from indexer._fastpath.accounts cimport DESYNCHRONIZED, REFUSED, SYNCHRONIZED, Account, AccountTable
from indexer._fastpath.collections cimport POST
from indexer._fastpath.commit cimport signed_digest
from indexer._fastpath.frame cimport ACTION_CREATE, ACTION_DELETE, FRAME_COMMIT, FRAME_SYNC
from indexer._fastpath.gathering cimport Frame, gathering_free
from indexer._fastpath.interning cimport Did, Path, names_init
from indexer._fastpath.mst cimport empty_tree
from indexer._fastpath.rows cimport HELD, KEY_UNKNOWN, REFUSED_ACCOUNT, REPLAYED, SIGNATURE_INVALID, WAVE_SHIFT, Row
from indexer._fastpath.signatures cimport P256, SECP256K1, PublicKey, verify_p256, verify_secp256k1
from indexer._fastpath.span cimport Slice

from indexer.errors import InvariantBroken

# A row's places: numbers of wave and group, ten bits each, and whether they are any.
cdef enum:
    PLACE_MASK = 1023
    DELETED_SHIFT = 10
    IN_GROUP = 1048576
    IN_DELETED = 2097152

cdef uint64_t seed = int.from_bytes(os.urandom(8), "little")


cdef str text_of(Slice part):
    return "" if part.p == NULL else PyUnicode_DecodeUTF8(<const char *> part.p, <Py_ssize_t> part.n, "replace")


cdef inline uint32_t group_of(uint8_t kind) noexcept nogil:
    return kind if kind <= POST else <uint32_t> OTHERS


cdef class Stages:
    """The decoded frames of one batch and what the steps have found out about them; `Batch` adds what comes out."""

    def __cinit__(self):
        memset(&self.g, 0, sizeof(self.g))
        names_init(&self.g.gathered.names, seed)

    def __dealloc__(self):
        gathering_free(&self.g)
        free(self.keys)
        free(self.order)
        free(self.starts)

    # --- names -----------------------------------------------------------------------------------------------------

    cdef str did_at(self, uint32_t did):
        return text_of(self.g.gathered.names.dids[did].text)

    cdef str path_at(self, uint32_t path):
        cdef Path *found = &self.g.gathered.names.paths[path]
        return (<const char *> found.text)[:found.size].decode("ascii")

    cdef Account *account_of(self, AccountTable accounts, uint32_t did) except? NULL:
        """The account of a number, looked up once; NULL (no error set) where the table does not hold it."""
        cdef Did *entry = &self.g.gathered.names.dids[did]
        cdef Account *account
        if entry.resolved:
            return &accounts.accounts[entry.slot]
        account = accounts.find(&entry.key, entry.text)
        if account == NULL:
            return NULL
        account.last_used = self.generation
        entry.slot = <uint32_t> (account - accounts.accounts)
        entry.id = account.id
        entry.resolved = True
        return account

    def unknown(self, AccountTable accounts not None) -> list[str]:
        """The DIDs (authors, subjects, whoever is named) that the table does not hold; each is to be `put`. From here on the table
        does not evict this batch's accounts until `accounts.committed(batch.generation)`."""
        cdef uint32_t i
        cdef list out = []
        if self.table is None:
            accounts.generation += 1
            self.generation = accounts.generation
            self.table = accounts
        self.belong(accounts)
        for i in range(self.g.gathered.names.did_count):
            if self.account_of(accounts, i) == NULL:
                out.append(self.did_at(i))
        return out

    def unknown_paths(self, AccountTable accounts not None) -> list[str]:
        """The paths `collection/rkey` that need an interned id and have none in the table."""
        cdef uint32_t i
        cdef list out = []
        self.belong(accounts)
        for i in range(self.g.gathered.names.path_count):
            path = self.path_at(i)
            found = accounts.paths.get(path)
            if found is None:
                out.append(path)
            else:
                self.g.gathered.names.paths[i].id = found
        return out

    cdef int belong(self, AccountTable accounts) except -1:
        if self.table is not accounts:
            raise InvariantBroken("a batch must first be asked for its unknown accounts, and always with the same table")
        return 0

    cdef Account *author(self, AccountTable accounts, uint32_t frame) except NULL:
        cdef const Did *entry = &self.g.gathered.names.dids[self.g.frames[frame].did - 1]
        cdef Account *account
        if entry.resolved:
            return &accounts.accounts[entry.slot]
        account = self.account_of(accounts, self.g.frames[frame].did - 1)
        if account == NULL:
            raise InvariantBroken(f"account {self.did_at(self.g.frames[frame].did - 1)} was not put into the table")
        return account

    # --- signatures ------------------------------------------------------------------------------------------------

    def keys_needed(self, AccountTable accounts not None) -> list[str]:
        """The DIDs of authors whose commits stand and whose signing keys the table does not hold."""
        cdef uint32_t i
        cdef set out = set()
        self.belong(accounts)
        for i in range(self.g.frame_count):
            if self.g.frames[i].commit.p != NULL and self.g.frames[i].status in (0, KEY_UNKNOWN):
                if not self.author(accounts, i).public_key:
                    out.add(self.did_at(self.g.frames[i].did - 1))
        return sorted(out)

    def verify(self, AccountTable accounts not None, int threads=1) -> list[str]:
        """Check the signatures of all commits that stand, or that failed only in an earlier `verify`.

        Gives the DIDs that failed (signature_invalid, or key_unknown where the table has no key). Call again after their keys have been
        fetched anew. The GIL is released for secp256k1; `threads` share the work. Errors: InvariantBroken for a batch whose hashes were
        not checked.
        """
        cdef uint32_t i, step
        cdef Frame *frame
        cdef const PublicKey *key
        cdef set failed = set()
        self.belong(accounts)
        if self.keys == NULL:
            self.keys = <PublicKey *> malloc((self.g.frame_count + 1) * sizeof(PublicKey))
            if self.keys == NULL:
                raise MemoryError
        for i in range(self.g.frame_count):
            frame = &self.g.frames[i]
            self.keys[i].curve = 0
            if frame.commit.p == NULL or frame.status not in (0, SIGNATURE_INVALID, KEY_UNKNOWN):
                continue
            if not frame.has_signature:
                raise InvariantBroken("signatures can be verified where a batch was decoded with hashes=True")
            key = accounts.key_of(self.author(accounts, i))
            if key == NULL:
                frame.status = KEY_UNKNOWN
            else:
                self.keys[i] = key[0]
        if threads <= 1 or self.g.frame_count < 64:
            with nogil:
                self.verify_range(0, self.g.frame_count)
        else:
            step = (self.g.frame_count + threads - 1) // threads
            workers = [
                threading.Thread(target=self.verify_part, args=(start, min(start + step, self.g.frame_count)))
                for start in range(0, self.g.frame_count, step)
            ]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
        for i in range(self.g.frame_count):
            frame = &self.g.frames[i]
            if self.keys[i].curve == P256:
                frame.status = 0 if verify_p256(&self.keys[i], frame.signed_digest, frame.signature) else SIGNATURE_INVALID
            if self.g.frames[i].status in (SIGNATURE_INVALID, KEY_UNKNOWN):
                failed.add(self.did_at(self.g.frames[i].did - 1))
        return sorted(failed)

    def verify_part(self, uint32_t start, uint32_t end) -> None:
        """The part of `verify` that one thread does."""
        with nogil:
            self.verify_range(start, end)

    cdef void verify_range(self, uint32_t start, uint32_t end) noexcept nogil:
        cdef Frame *frame
        cdef uint32_t i
        for i in range(start, end):
            if self.keys[i].curve == SECP256K1:
                frame = &self.g.frames[i]
                frame.status = 0 if verify_secp256k1(&self.keys[i], frame.signed_digest, frame.signature) else SIGNATURE_INVALID

    # --- the chain of commits -----------------------------------------------------------------------------------------

    def gate(self, AccountTable accounts not None, *, bint strict=False) -> None:
        """Drop what has been applied before (rev not above the account's), and advance the accounts by what stands.

        A commit whose `since` and `prevData` are not the account's state makes the account desynchronized. With `strict` it, and all that
        follows of the account until somebody sets its state, is held back (`held`); without, it is applied all the same. An account
        without a state takes any commit; a strict gate lets it take a #sync only of an empty repository.
        """
        cdef uint32_t i
        cdef Frame *frame
        cdef Account *account
        cdef bint connected
        self.belong(accounts)
        if self.gated:
            raise InvariantBroken("a batch was gated twice")
        for i in range(self.g.frame_count):
            frame = &self.g.frames[i]
            if frame.status != 0 or (frame.kind != FRAME_COMMIT and frame.kind != FRAME_SYNC):
                continue
            account = self.author(accounts, i)
            if account.state == REFUSED:
                frame.status = REFUSED_ACCOUNT
                continue
            if frame.rev <= account.rev:
                if frame.rev < account.rev or frame.kind == FRAME_COMMIT or memcmp(account.data, frame.data, 32) != 0:
                    frame.status = REPLAYED
                continue
            if strict and account.state != SYNCHRONIZED:
                frame.status = HELD
                continue
            if frame.kind == FRAME_SYNC:
                if account.has_data:
                    connected = memcmp(account.data, frame.data, 32) == 0
                else:
                    # Of a repository that was never seen we have all only if there is nothing in it.
                    connected = not strict or memcmp(empty_tree() + 4, frame.data, 32) == 0
            else:
                connected = account.rev == 0 or (
                    frame.since == account.rev
                    and (not account.has_data or not frame.has_prev_data or memcmp(account.data, frame.prev_data, 32) == 0)
                )
            frame.desynchronizes = not connected
            self.gated = True
            if not connected and (strict or frame.kind == FRAME_SYNC):
                account.state = DESYNCHRONIZED
                frame.status = HELD
                continue
            if not connected:
                account.state = DESYNCHRONIZED
            account.rev = frame.rev
            memcpy(account.data, frame.data, 32)
            account.has_data = True

    # --- rows ---------------------------------------------------------------------------------------------------------

    def finish(self, AccountTable accounts not None) -> None:
        """Fix the ids of all names and put the rows that stand in order. Errors: InvariantBroken where a name has not been put."""
        cdef uint32_t i
        cdef uint32_t *places
        self.belong(accounts)
        for i in range(self.g.gathered.names.did_count):
            if self.account_of(accounts, i) == NULL:
                raise InvariantBroken(f"account {self.did_at(i)} was not put into the table")
        missing = self.unknown_paths(accounts)
        if missing:
            raise InvariantBroken(f"path {missing[0]} was not put into the table")
        free(self.order)
        free(self.starts)
        self.order = <uint32_t *> malloc((2 * <size_t> self.g.row_count + 1) * sizeof(uint32_t))
        self.starts = <uint32_t *> calloc(self.g.waves * GROUPS + 1, sizeof(uint32_t))
        places = <uint32_t *> malloc((<size_t> self.g.row_count + 1) * sizeof(uint32_t))
        if self.order == NULL or self.starts == NULL or places == NULL:
            free(places)
            raise MemoryError
        self.sort_rows(places)
        free(places)
        self.finished = True

    cdef void sort_rows(self, uint32_t *places) noexcept nogil:
        """Put the rows that stand in order: by wave, by what they are for, by n. The update of an edge or post is in two groups. `places` is
        room for a number per row: the rows themselves are more than the processor's caches hold, and are looked at once."""
        cdef uint32_t next_place[PLACES]
        cdef uint32_t j, at, place
        cdef const Row *row
        for j in range(self.g.row_count):
            row = &self.g.rows[j]
            place = 0
            if self.g.frames[row.frame].status == 0:
                at = (row.n >> WAVE_SHIFT) * GROUPS
                if row.kind > POST or row.action != ACTION_DELETE:
                    place = IN_GROUP | (at + group_of(row.kind))
                    self.starts[at + group_of(row.kind) + 1] += 1
                if row.kind <= POST and row.action != ACTION_CREATE:
                    place |= IN_DELETED | (at + DELETED) << DELETED_SHIFT
                    self.starts[at + DELETED + 1] += 1
            places[j] = place
        for at in range(self.g.waves * GROUPS):
            next_place[at] = self.starts[at]
            self.starts[at + 1] += self.starts[at]
        for j in range(self.g.row_count):
            place = places[j]
            if place & IN_GROUP:
                at = place & PLACE_MASK
                self.order[next_place[at]] = j
                next_place[at] += 1
            if place & IN_DELETED:
                at = (place >> DELETED_SHIFT) & PLACE_MASK
                self.order[next_place[at]] = j
                next_place[at] += 1
