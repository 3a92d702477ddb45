"""The Merkle search tree of a repository: its nodes in memory, and whole walks (inversion has a module of its own)."""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcmp

from indexer._fastpath.arena cimport Arena
from indexer._fastpath.car cimport Block, BlockIndex
from indexer._fastpath.span cimport Slice

cdef enum:
    MAX_LAYER = 128  # two bits of a SHA-256 a layer
    LONGEST_KEY = 830  # an NSID of 317, a slash, a record key of 512


cdef struct Node


ctypedef struct Link:
    const uint8_t *cid  # 36 bytes, as they stand in the parent's block or were computed; NULL where `node` is new, or nothing
    Node *node  # NULL where not loaded, or nothing


ctypedef struct Entry:
    Slice key  # whole, where the node's keys are unfolded
    Slice suffix  # as it was read: what follows the bytes shared with the key before
    uint32_t shared
    const uint8_t *value  # 36 bytes
    Link right


cdef struct Node:
    int layer
    uint32_t count
    uint32_t capacity
    uint32_t first_touched  # numbers of the links, from and to, below which something changed while the node kept its shape
    uint32_t last_touched
    bint changed  # something below or in it is not what its CID says
    bint keyed  # the keys are unfolded
    bint reshaped  # its own entries or the presence of its links changed, so that its bytes must be written anew
    Link first
    Entry *entries
    Slice block  # the bytes that it was read from
    const Block *source  # the block of these bytes; NULL where the node is new


ctypedef struct Tree:
    const BlockIndex *index
    Arena *arena
    const uint8_t *at  # where the last refusal happened


ctypedef struct Leaf:
    Slice key  # collection/rkey
    const uint8_t *cid  # 36 bytes of the record
    uint32_t layer


ctypedef struct Leaves:
    Leaf *items
    size_t count


cdef inline int compare(Slice a, Slice b) noexcept nogil:
    cdef int order = memcmp(a.p, b.p, a.n if a.n < b.n else b.n)
    if order != 0:
        return order
    return 0 if a.n == b.n else (-1 if a.n < b.n else 1)


cdef inline bint is_nothing(const Link *link) noexcept nogil:
    return link.cid == NULL and link.node == NULL


cdef inline Link nothing() noexcept nogil:
    cdef Link out
    out.cid = NULL
    out.node = NULL
    return out


cdef inline Link *link_before(Node *node, uint32_t position) noexcept nogil:
    """The link between entries `position - 1` and `position`."""
    return &node.first if position == 0 else &node.entries[position - 1].right


# The CID (36 bytes) of the tree without keys.
cdef const uint8_t *empty_tree() noexcept nogil

# The layer on which a key stands: pairs of leading zero bits of its SHA-256.
cdef int key_layer(Slice key) noexcept nogil

# Read the node that a link leads to, unless that has been done. `layer` is its layer, or -1 for a root, which shows its layer by its
# first key.
cdef int load(Tree *tree, Link *link, int layer) noexcept nogil

# Give a node's entries their whole keys.
cdef int unfold_keys(Node *node, Arena *arena) noexcept nogil

# The number of a node's entries whose key is below `key`, and whether the next one has just this key.
cdef uint32_t seek(const Node *node, Slice key, bint *found) noexcept nogil

# All leaves under `root` (36 bytes) in order, in tables of `arena`. Every node must be in `index`; order, prefixes and layers are checked.
# `at` gets the place of the refusal: a byte of a node, or of the link that leads nowhere.
cdef int walk_tree(const BlockIndex *index, const uint8_t *root, Arena *arena, Leaves *out, const uint8_t **at) noexcept nogil
