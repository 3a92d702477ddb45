"""Changes to a tree of which only some nodes are at hand (see treechange.pyx).

`wanted` is the key's layer, `link` the root's, which is loaded; values are CIDs of 36 bytes. BLOCK_MISSING: a node that is needed is not at
hand.
"""

from libc.stdint cimport uint8_t

from indexer._fastpath.mst cimport Entry, Link, Tree
from indexer._fastpath.span cimport Slice


# Take out a key, which must lead to `value`; the loaded node under `link` may be without entries and links afterwards.
cdef int remove(Tree *tree, Link *link, Slice key, int wanted, const uint8_t *value) noexcept nogil

# Put in a key that must not be there; the root grows where the key stands above it.
cdef int insert_at_root(Tree *tree, Link *root, Slice key, int wanted, const uint8_t *value) noexcept nogil

# Make a key, which must lead to `value`, lead to `fresh`.
cdef int replace(Tree *tree, Link *link, Slice key, int wanted, const uint8_t *value, const uint8_t *fresh) noexcept nogil

# The entry of a key, or NULL.
cdef int find(Tree *tree, Link *link, Slice key, int wanted, Entry **out) noexcept nogil
