"""Rows as the bodies of Postgres' binary COPY (see copyrows.pyx)."""

from libc.stdint cimport int64_t, uint8_t, uint32_t

from indexer._fastpath.gathering cimport Frame
from indexer._fastpath.interning cimport Did, Path
from indexer._fastpath.rows cimport Row


# Rows of one wave and of one group (batch.pyx) in stream order, and what their numbers stand for.
ctypedef struct WaveRows:
    const Row *rows
    const uint32_t *order
    uint32_t count
    const Frame *frames
    const Did *dids
    const Path *paths


ctypedef struct RepositoryRow:
    int64_t actor
    int64_t rev
    const uint8_t *data  # digest of the root
    int64_t first_at  # time of the account's first event in the batch


cdef inline int64_t actor_of(const WaveRows *wave, uint32_t did) noexcept nogil:
    return wave.dids[did].id


cdef inline int64_t key_of(const WaveRows *wave, int64_t key) noexcept nogil:
    return key if key > 0 else wave.paths[-key - 1].id


cdef bytes copy_edges(const WaveRows *wave)
cdef bytes copy_deletes(const WaveRows *wave)
cdef bytes copy_posts(const WaveRows *wave, stored_forms)
cdef bytes copy_repositories(RepositoryRow *repositories, uint32_t count)
