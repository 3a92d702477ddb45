"""Undoing a commit's operations on the part of the tree that it carries."""

from libc.stdint cimport uint8_t, uint32_t

from indexer._fastpath.arena cimport Arena
from indexer._fastpath.car cimport BlockIndex
from indexer._fastpath.frame cimport Op

# Undo the operations on the tree under `root` and compare the root of what results with `prev_data` (36 bytes each).
# PREV_MISSING: an update or delete came without `prev`, so this cannot be done; nothing else was checked then.
cdef int invert(
    const BlockIndex *index, const uint8_t *root, const Op *ops, uint32_t op_count, const uint8_t *prev_data, Arena *arena,
    const uint8_t **at,
) noexcept nogil

# The weaker check without `prev`: created and updated paths lead to their records, deleted ones are absent, as far as blocks show.
cdef int check_paths(
    const BlockIndex *index, const uint8_t *root, const Op *ops, uint32_t op_count, Arena *arena, const uint8_t **at,
) noexcept nogil
