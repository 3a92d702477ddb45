# cython: boundscheck=False, wraparound=False
"""The Merkle search tree (repository specification): reading nodes, walking whole trees.

Owns the tree's rules: keys ascending, prefixes maximal, every key on the layer that its hash gives, children one layer below their
parent, no empty node but that of the empty tree. Since a child must be exactly one layer lower, links cannot form a cycle whatever
the hashes say, and no recursion is deeper than MAX_LAYER.

In memory a node is its leftmost link and its entries, each a key, a record and the link to its right. A link is unloaded (a CID in
somebody's bytes), loaded, or nothing. Tables come from the caller's arena; nothing here allocates otherwise.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from indexer._fastpath.arena cimport Arena, arena_take
from indexer._fastpath.car cimport Block, BlockIndex, find_block
from indexer._fastpath.cbor cimport read_array, read_bytes, read_cid, read_cid_or_null, read_int
from indexer._fastpath.cid cimport DAG_CBOR, cid_from_digest
from indexer._fastpath.reasons cimport (
    BAD_CID, BLOCK_MISSING, FIELD_MISSING, MST_EMPTY, MST_KEY, MST_LAYER, MST_ORDER, MST_PREFIX, OK, OUT_OF_MEMORY, TRAILING_BYTES,
    TRUNCATED,
)
from indexer._fastpath.sha256 cimport Sha256Job, sha256, sha256_many
from indexer._fastpath.span cimport Slice, Span, left, span_of

cdef enum:
    SMALLEST_ENTRY = 53  # bytes of an entry with an empty key and no link
    TOGETHER = 64  # keys that are hashed in one go


cdef uint8_t EMPTY_TREE[36]

cdef void set_empty_tree() noexcept:
    cdef uint8_t digest[32]
    sha256(<const uint8_t *> b"\xa2\x61\x65\x80\x61\x6c\xf6", 7, digest)
    cid_from_digest(digest, DAG_CBOR, EMPTY_TREE)

set_empty_tree()


cdef const uint8_t *empty_tree() noexcept nogil:
    return EMPTY_TREE


# --- keys -----------------------------------------------------------------------------------------------------------

cdef inline int layer_of_digest(const uint8_t *digest) noexcept nogil:
    cdef int i
    for i in range(32):
        if digest[i] != 0:
            return 4 * i + (0 if digest[i] >= 64 else 1 if digest[i] >= 16 else 2 if digest[i] >= 4 else 3)
    return MAX_LAYER


cdef int key_layer(Slice key) noexcept nogil:
    cdef uint8_t digest[32]
    sha256(key.p, key.n, digest)
    return layer_of_digest(digest)


# --- reading --------------------------------------------------------------------------------------------------------

cdef inline bint take_name(Span *s, uint8_t letter) noexcept nogil:
    """Step over a map key of one letter; false (and no step) where another stands."""
    if left(s) < 2 or s.p[0] != 0x61 or s.p[1] != letter:
        return False
    s.p += 2
    return True


cdef inline int read_subtree(Span *s, Link *out) noexcept nogil:
    cdef const uint8_t *start = s.p
    cdef int code = read_cid_or_null(s, &out.cid)
    out.node = NULL
    if code == OK and out.cid != NULL and out.cid[1] != DAG_CBOR:
        s.p = start
        return BAD_CID
    return code


cdef int read_entry(Span *s, const Entry *previous, Entry *out, Arena *arena) noexcept nogil:
    """`{k, p, t, v}`, whose key shares its first `p` bytes with the entry before (NULL for a node's first)."""
    cdef const uint8_t *start = s.p
    cdef Slice suffix
    cdef int64_t prefix
    cdef size_t shared
    cdef uint8_t *key
    cdef int code
    if left(s) < SMALLEST_ENTRY:
        return TRUNCATED
    if s.p[0] != 0xA4:
        return FIELD_MISSING
    s.p += 1
    if not take_name(s, b"k"):
        return FIELD_MISSING
    code = read_bytes(s, &suffix)
    if code < 0:
        return code
    if not take_name(s, b"p"):
        return FIELD_MISSING
    code = read_int(s, &prefix)
    if code < 0:
        return code
    if not take_name(s, b"t"):
        return FIELD_MISSING
    code = read_subtree(s, &out.right)
    if code < 0:
        return code
    if not take_name(s, b"v"):
        return FIELD_MISSING
    code = read_cid(s, &out.value)
    if code < 0:
        return code
    if previous == NULL:
        if prefix != 0:
            s.p = start
            return MST_PREFIX
        if suffix.n == 0 or suffix.n > LONGEST_KEY:
            s.p = start
            return MST_KEY
        out.key = suffix
        return OK
    # The bytes after the shared ones decide everything: equal would mean a longer prefix, lower another order.
    if prefix < 0 or <uint64_t> prefix > previous.key.n:
        s.p = start
        return MST_PREFIX
    shared = <size_t> prefix
    if suffix.n == 0:
        s.p = start
        return MST_ORDER
    if shared < previous.key.n and suffix.p[0] <= previous.key.p[shared]:
        code = MST_PREFIX if suffix.p[0] == previous.key.p[shared] else MST_ORDER
        s.p = start
        return code
    if suffix.n > LONGEST_KEY - shared:
        s.p = start
        return MST_KEY
    if shared == 0:
        out.key = suffix
        return OK
    key = <uint8_t *> arena_take(arena, shared + suffix.n)
    if key == NULL:
        return OUT_OF_MEMORY
    memcpy(key, previous.key.p, shared)
    memcpy(key + shared, suffix.p, suffix.n)
    out.key.p = key
    out.key.n = shared + suffix.n
    return OK


cdef int read_node(Span *s, Arena *arena, Node **out) noexcept nogil:
    """`{e: [entries], l: link or null}` and nothing after it. The layer is the caller's to set."""
    cdef Node *node = <Node *> arena_take(arena, sizeof(Node))
    cdef uint64_t count
    cdef uint32_t i
    cdef int code
    if node == NULL:
        return OUT_OF_MEMORY
    node.block.p = s.p
    node.block.n = left(s)
    node.changed = False
    node.reshaped = False
    node.layer = 0
    if left(s) < 1:
        return TRUNCATED
    if s.p[0] != 0xA2:
        return FIELD_MISSING
    s.p += 1
    if not take_name(s, b"e"):
        return FIELD_MISSING
    code = read_array(s, &count)
    if code < 0:
        return code
    if count > left(s) // SMALLEST_ENTRY:
        return TRUNCATED
    node.count = <uint32_t> count
    node.capacity = node.count
    node.entries = <Entry *> arena_take(arena, (count + 1) * sizeof(Entry))
    if node.entries == NULL:
        return OUT_OF_MEMORY
    for i in range(node.count):
        code = read_entry(s, NULL if i == 0 else &node.entries[i - 1], &node.entries[i], arena)
        if code < 0:
            return code
    if not take_name(s, b"l"):
        return FIELD_MISSING
    code = read_subtree(s, &node.first)
    if code < 0:
        return code
    if s.p != s.end:
        return TRAILING_BYTES
    out[0] = node
    return OK


cdef int load(Tree *tree, Link *link, int layer) noexcept nogil:
    cdef const Block *block
    cdef Node *node
    cdef Span s
    cdef uint32_t i
    cdef int code
    if link.node != NULL:
        return OK
    tree.at = link.cid
    block = find_block(tree.index, link.cid)
    if block == NULL:
        return BLOCK_MISSING
    s = span_of(block.data, block.length)
    code = read_node(&s, tree.arena, &node)
    tree.at = s.p
    if code < 0:
        return code
    tree.at = block.data
    if node.count == 0 and (layer < 0) == (node.first.cid != NULL):
        # Below the root an empty node must lead on; the root must not.
        return MST_EMPTY
    if layer < 0:
        layer = key_layer(node.entries[0].key) if node.count else 0
    node.layer = layer
    if layer == 0:
        if node.first.cid != NULL:
            return MST_LAYER
        for i in range(node.count):
            if node.entries[i].right.cid != NULL:
                return MST_LAYER
    node.source = block
    node.kept = 0
    link.node = node
    return OK


# --- walking --------------------------------------------------------------------------------------------------------

cdef int add_leaves(Tree *tree, Node *node, Leaves *out, size_t capacity) noexcept nogil:
    """Append the leaves of a node and of all below it, in order."""
    cdef Link *link = &node.first
    cdef Leaf *leaf
    cdef uint32_t i = 0
    cdef int code
    while True:
        if link.cid != NULL:
            code = load(tree, link, node.layer - 1)
            if code < 0:
                return code
            code = add_leaves(tree, link.node, out, capacity)
            if code < 0:
                return code
        if i == node.count:
            return OK
        tree.at = node.block.p
        if out.count and compare(out.items[out.count - 1].key, node.entries[i].key) >= 0:
            return MST_ORDER
        if out.count == capacity:
            # More leaves than blocks could hold: nodes are used more than once, which the order forbids as well.
            return MST_ORDER
        leaf = &out.items[out.count]
        leaf.key = node.entries[i].key
        leaf.cid = node.entries[i].value
        leaf.layer = <uint32_t> node.layer
        out.count += 1
        link = &node.entries[i].right
        i += 1


cdef int check_layers(const Leaves *leaves, Arena *arena, const uint8_t **at) noexcept nogil:
    """Whether every key stands on the layer that its hash gives."""
    cdef Sha256Job jobs[TOGETHER]
    cdef uint8_t digests[TOGETHER * 32]
    cdef size_t start = 0
    cdef size_t n, i
    for i in range(<size_t> TOGETHER):
        jobs[i].digest = digests + 32 * i
        jobs[i].fork_length = 0
    while start < leaves.count:
        n = leaves.count - start
        if n > TOGETHER:
            n = TOGETHER
        for i in range(n):
            jobs[i].data = leaves.items[start + i].key.p
            jobs[i].length = leaves.items[start + i].key.n
        sha256_many(jobs, n)
        for i in range(n):
            if layer_of_digest(digests + 32 * i) != <int> leaves.items[start + i].layer:
                at[0] = leaves.items[start + i].cid
                return MST_LAYER
        start += n
    return OK


cdef int walk_tree(const BlockIndex *index, const uint8_t *root, Arena *arena, Leaves *out, const uint8_t **at) noexcept nogil:
    cdef Tree tree
    cdef Link link
    cdef size_t bytes_of_blocks = 0
    cdef size_t capacity
    cdef uint32_t i
    cdef int code
    tree.index = index
    tree.arena = arena
    tree.at = root
    for i in range(index.count):
        bytes_of_blocks += index.blocks[i].length
    capacity = bytes_of_blocks // SMALLEST_ENTRY
    out.count = 0
    out.items = <Leaf *> arena_take(arena, (capacity + 1) * sizeof(Leaf))
    if out.items == NULL:
        return OUT_OF_MEMORY
    link.cid = root
    link.node = NULL
    code = load(&tree, &link, -1)
    if code == OK:
        code = add_leaves(&tree, link.node, out, capacity)
    at[0] = tree.at
    if code == OK:
        code = check_layers(out, arena, at)
    return code
