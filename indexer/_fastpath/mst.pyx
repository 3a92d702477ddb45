# cython: boundscheck=False, wraparound=False
"""The Merkle search tree (repository specification): reading nodes, walking whole trees.

Owns the tree's rules: keys ascending, prefixes maximal, every key on the layer that its hash gives, children one layer below their
parent, no empty node but that of the empty tree. Since a child must be exactly one layer lower, links cannot form a cycle whatever
the hashes say, and no recursion is deeper than MAX_LAYER.

In memory a node is its leftmost link and its entries, each a key, a record and the link to its right. A link is unloaded (a CID in
somebody's bytes), loaded, or nothing. Tables come from the caller's arena; nothing here allocates otherwise.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from indexer._fastpath.arena cimport Arena, arena_take
from indexer._fastpath.car cimport Block, BlockIndex, find_block
from indexer._fastpath.cbor cimport read_array, read_bytes, read_cid, read_cid_or_null, read_int
from indexer._fastpath.cid cimport DAG_CBOR, cid_from_digest
from indexer._fastpath.reasons cimport (
    BAD_CID, BLOCK_MISSING, FIELD_MISSING, MST_EMPTY, MST_KEY, MST_LAYER, MST_ORDER, MST_PREFIX, OK, OUT_OF_MEMORY, TRAILING_BYTES,
    TRUNCATED,
)
from indexer._fastpath.sha256 cimport Sha256Job, set_job, sha256, sha256_many
from indexer._fastpath.span cimport Slice, Span, left, span_of

cdef enum:
    SMALLEST_ENTRY = 53  # bytes of an entry with an empty key and no link
    PLAIN_ENTRY = 240  # bytes that an entry read by its fixed bytes may touch, at most
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


cdef inline bint take_plain_entry(Span *s, Slice *suffix, int64_t *prefix, Entry *out) noexcept nogil:
    """An entry in the form that nearly all have, by its fixed bytes: a short key, a small prefix, DAG-CBOR links. False (and no step)
    where it is any other."""
    cdef const uint8_t *p = s.p
    cdef size_t n
    if left(s) < PLAIN_ENTRY or memcmp(p, <const char *> b"\xa4\x61k", 3) != 0:
        return False
    if p[3] >= 0x40 and p[3] < 0x58:
        n = p[3] - 0x40
        p += 4
    elif p[3] == 0x58 and p[4] >= 24 and p[4] < 0x80:
        n = p[4]
        p += 5
    else:
        return False
    suffix.p = p
    suffix.n = n
    p += n
    if memcmp(p, <const char *> b"\x61p", 2) != 0:
        return False
    if p[2] < 24:
        prefix[0] = p[2]
        p += 3
    elif p[2] == 0x18 and p[3] >= 24:
        prefix[0] = p[3]
        p += 4
    else:
        return False
    out.right.node = NULL
    if memcmp(p, <const char *> b"\x61t\xf6\x61v\xd8\x2a\x58", 8) == 0:
        out.right.cid = NULL
        p += 5
    elif memcmp(p, <const char *> b"\x61t\xd8\x2a\x58\x25\x00\x01\x71\x12\x20", 11) == 0:
        out.right.cid = p + 7
        p += 43
        if memcmp(p, <const char *> b"\x61v", 2) != 0:
            return False
        p += 2
    else:
        return False
    if memcmp(p, <const char *> b"\xd8\x2a\x58\x25\x00\x01\x71\x12\x20", 9) != 0:
        return False
    out.value = p + 5
    s.p = p + 41
    return True


cdef int take_any_entry(Span *s, Slice *suffix, int64_t *prefix, Entry *out) noexcept nogil:
    """`{k, p, t, v}` read field by field; `s` stops where it is refused."""
    cdef int code
    if left(s) < SMALLEST_ENTRY:
        return TRUNCATED
    if s.p[0] != 0xA4:
        return FIELD_MISSING
    s.p += 1
    if not take_name(s, b"k"):
        return FIELD_MISSING
    code = read_bytes(s, suffix)
    if code < 0:
        return code
    if not take_name(s, b"p"):
        return FIELD_MISSING
    code = read_int(s, prefix)
    if code < 0:
        return code
    if not take_name(s, b"t"):
        return FIELD_MISSING
    code = read_subtree(s, &out.right)
    if code < 0:
        return code
    if not take_name(s, b"v"):
        return FIELD_MISSING
    return read_cid(s, &out.value)


cdef int read_entry(Span *s, bint is_first, uint8_t *key, size_t *key_length, Entry *out) noexcept nogil:
    """The next entry. `key` holds the key of the entry before it (LONGEST_KEY bytes of room) and takes this one's."""
    cdef const uint8_t *start = s.p
    cdef int64_t prefix
    cdef size_t shared
    cdef int code
    if not take_plain_entry(s, &out.suffix, &prefix, out):
        code = take_any_entry(s, &out.suffix, &prefix, out)
        if code < 0:
            return code
    code = OK
    shared = <size_t> prefix
    if is_first:
        if prefix != 0:
            code = MST_PREFIX
        elif out.suffix.n == 0:
            code = MST_KEY
    elif prefix < 0 or shared > key_length[0]:
        code = MST_PREFIX
    elif out.suffix.n == 0:
        code = MST_ORDER
    elif shared < key_length[0] and out.suffix.p[0] <= key[shared]:
        # The byte after the shared ones decides everything: equal would mean a longer prefix, lower another order.
        code = MST_PREFIX if out.suffix.p[0] == key[shared] else MST_ORDER
    if code == OK and out.suffix.n > LONGEST_KEY - shared:
        code = MST_KEY
    if code < 0:
        s.p = start
        return code
    out.shared = <uint32_t> shared
    if out.suffix.n <= 16 and left(s) >= 16:
        memcpy(key + shared, out.suffix.p, 16)
    else:
        memcpy(key + shared, out.suffix.p, out.suffix.n)
    key_length[0] = shared + out.suffix.n
    return OK


cdef int read_node(Span *s, Arena *arena, Node **out) noexcept nogil:
    """`{e: [entries], l: link or null}` and nothing after it. The layer is the caller's to set."""
    cdef Node *node = <Node *> arena_take(arena, sizeof(Node))
    cdef uint8_t key[LONGEST_KEY + 16]
    cdef size_t key_length = 0
    cdef uint64_t count
    cdef uint32_t i
    cdef int code
    if node == NULL:
        return OUT_OF_MEMORY
    node.block.p = s.p
    node.block.n = left(s)
    node.changed = False
    node.reshaped = False
    node.keyed = False
    node.first_touched = 0xFFFFFFFF
    node.last_touched = 0
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
        code = read_entry(s, i == 0, key, &key_length, &node.entries[i])
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


cdef int unfold_keys(Node *node, Arena *arena) noexcept nogil:
    cdef Entry *entry
    cdef const uint8_t *previous = NULL
    cdef uint8_t *key
    cdef uint32_t i
    if node.keyed:
        return OK
    for i in range(node.count):
        entry = &node.entries[i]
        if entry.shared == 0:
            entry.key = entry.suffix
        else:
            key = <uint8_t *> arena_take(arena, entry.shared + entry.suffix.n)
            if key == NULL:
                return OUT_OF_MEMORY
            memcpy(key, previous, entry.shared)
            memcpy(key + entry.shared, entry.suffix.p, entry.suffix.n)
            entry.key.p = key
            entry.key.n = entry.shared + entry.suffix.n
        previous = entry.key.p
    node.keyed = True
    return OK


cdef uint32_t seek(const Node *node, Slice key, bint *found) noexcept nogil:
    cdef uint32_t low = 0
    cdef uint32_t high = node.count
    cdef uint32_t middle
    cdef size_t common = 0
    cdef size_t i
    cdef const Entry *entry
    cdef int order
    found[0] = False
    if node.keyed:
        while low < high:
            middle = (low + high) >> 1
            order = compare(node.entries[middle].key, key)
            if order == 0:
                found[0] = True
                return middle
            if order < 0:
                low = middle + 1
            else:
                high = middle
        return low
    # Compressed keys in order: `common` bytes of `key` are those of the entry before, which is lower.
    for low in range(node.count):
        entry = &node.entries[low]
        if entry.shared > common:
            continue
        if entry.shared < common:
            return low
        i = 0
        while i < entry.suffix.n and common < key.n and entry.suffix.p[i] == key.p[common]:
            i += 1
            common += 1
        if i == entry.suffix.n:
            if common == key.n:
                found[0] = True
                return low
        elif common == key.n or entry.suffix.p[i] > key.p[common]:
            return low
    return node.count


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
        layer = key_layer(node.entries[0].suffix) if node.count else 0
    node.layer = layer
    if layer == 0:
        if node.first.cid != NULL:
            return MST_LAYER
        for i in range(node.count):
            if node.entries[i].right.cid != NULL:
                return MST_LAYER
    node.source = block
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
            if code == OK:
                code = unfold_keys(link.node, tree.arena)
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
    while start < leaves.count:
        n = leaves.count - start
        if n > TOGETHER:
            n = TOGETHER
        for i in range(n):
            set_job(&jobs[i], leaves.items[start + i].key.p, leaves.items[start + i].key.n, digests + 32 * i)
        sha256_many(jobs, n, NULL, NULL)
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
        code = unfold_keys(link.node, arena)
    if code == OK:
        code = add_leaves(&tree, link.node, out, capacity)
    at[0] = tree.at
    if code == OK:
        code = check_layers(out, arena, at)
    return code
