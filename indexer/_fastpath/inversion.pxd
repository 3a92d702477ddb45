"""Undoing a commit's operations on the part of the tree that it carries."""

from libc.stdint cimport uint8_t, uint32_t

from indexer._fastpath.arena cimport Arena
from indexer._fastpath.car cimport BlockIndex
from indexer._fastpath.frame cimport Op
from indexer._fastpath.mst cimport Link, Tree
from indexer._fastpath.rehash cimport Rehash


ctypedef struct Inversion:
    Tree tree
    Link root  # of the tree before the operations; its CID is known when the chain is at its end
    Rehash rehash


# Undo the operations on the tree under `root` (36 bytes), and get the chain `rehash` ready: it is to be hashed (see rehash.pxd, `keep` too)
# before `compare_root`. PREV_MISSING: an update or delete came without `prev`, so this cannot be done; nothing else was checked then.
cdef int undo_operations(
    const BlockIndex *index, const uint8_t *root, const Op *ops, uint32_t op_count, bint keep, Arena *arena, Inversion *out,
    const uint8_t **at,
) noexcept nogil

# Whether what results has the root `prev_data` (36 bytes): OK or ROOT_MISMATCH.
cdef int compare_root(const Inversion *inversion, const uint8_t *prev_data, const uint8_t **at) noexcept nogil

# The weaker check without `prev`: created and updated paths lead to their records, deleted ones are absent, as far as blocks show.
cdef int check_paths(
    const BlockIndex *index, const uint8_t *root, const Op *ops, uint32_t op_count, Arena *arena, const uint8_t **at,
) noexcept nogil
