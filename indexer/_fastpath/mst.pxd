"""The Merkle search tree of a repository: whole walks, and the inversion of a commit's operations on the part that it carries."""

from libc.stdint cimport uint8_t, uint32_t

from indexer._fastpath.arena cimport Arena
from indexer._fastpath.car cimport Block, BlockIndex
from indexer._fastpath.frame cimport Op
from indexer._fastpath.span cimport Slice

cdef enum:
    MAX_LAYER = 128  # two bits of a SHA-256 a layer
    LONGEST_KEY = 830  # an NSID of 317, a slash, a record key of 512


ctypedef struct Leaf:
    Slice key  # collection/rkey
    const uint8_t *cid  # 36 bytes of the record
    uint32_t layer


ctypedef struct Leaves:
    Leaf *items
    size_t count


# The layer on which a key stands: pairs of leading zero bits of its SHA-256.
cdef int key_layer(Slice key) noexcept nogil

# All leaves under `root` (36 bytes) in order, in tables of `arena`. Every node must be in `index`; order, prefixes and layers are checked.
# `at` gets the place of the refusal: a byte of a node, or of the link that leads nowhere.
cdef int walk_tree(const BlockIndex *index, const uint8_t *root, Arena *arena, Leaves *out, const uint8_t **at) noexcept nogil

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

cdef const uint8_t *empty_tree() noexcept nogil
