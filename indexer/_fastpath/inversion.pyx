# cython: boundscheck=False, wraparound=False
"""Undoing a commit's operations on the part of the tree that it carries (sync specification, "commit validation: operation inversion").

Owns how keys go into and out of a tree of which only some nodes are at hand, and the hashing of what changed. A node is read when it is
touched; one that is needed and not there makes the proof fail. Nodes that only had a child change are patched, not written anew, and
their hash goes on from where the block's own hash passed the first change.
"""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcmp, memcpy, memmove

from indexer._fastpath.arena cimport Arena, arena_take
from indexer._fastpath.car cimport Block, BlockIndex, find_block
from indexer._fastpath.cid cimport DAG_CBOR, cid_from_digest
from indexer._fastpath.frame cimport ACTION_CREATE, ACTION_DELETE, Op
from indexer._fastpath.mst cimport Entry, Link, Node, Tree, is_nothing, key_layer, link_before, load, nothing, seek, unfold_keys
from indexer._fastpath.reasons cimport (
    BLOCK_MISSING, MST_ORDER, OK, OP_DUPLICATE, OP_EXISTS, OP_NOT_FOUND, OP_VALUE, OUT_OF_MEMORY, PREV_MISSING, ROOT_MISMATCH,
)
from indexer._fastpath.sha256 cimport Sha256State, sha256, sha256_resume
from indexer._fastpath.span cimport Slice

cdef enum:
    ENTRY_OVERHEAD = 100  # bytes of an entry beside its key, at most


# --- changing -------------------------------------------------------------------------------------------------------

cdef Node *new_node(Arena *arena, int layer, uint32_t capacity) noexcept nogil:
    cdef Node *node = <Node *> arena_take(arena, sizeof(Node))
    if node == NULL:
        return NULL
    node.entries = <Entry *> arena_take(arena, (<size_t> capacity + 1) * sizeof(Entry))
    if node.entries == NULL:
        return NULL
    node.layer = layer
    node.count = 0
    node.capacity = capacity
    node.changed = True
    node.reshaped = True
    node.keyed = True
    node.first = nothing()
    node.block.p = NULL
    node.block.n = 0
    node.source = NULL
    node.kept = 0
    node.first_touched = 0
    node.last_touched = 0
    return node


cdef inline void touch(Node *node, uint32_t position) noexcept nogil:
    """Note that something below the link of this number changed."""
    node.changed = True
    if position < node.first_touched:
        node.first_touched = position
    if position > node.last_touched:
        node.last_touched = position


cdef int reshape(Tree *tree, Node *node) noexcept nogil:
    """To be called before a node's entries or the presence of its links change: it will be written anew, from whole keys."""
    node.changed = True
    node.reshaped = True
    return unfold_keys(node, tree.arena)


cdef inline bint is_hollow(const Node *node) noexcept nogil:
    return node.count == 0 and is_nothing(&node.first)


cdef int make_room(Tree *tree, Node *node, uint32_t capacity) noexcept nogil:
    """Let a node hold `capacity` entries. Room doubles, so that many small steps do not copy (or take) more than a few big ones."""
    cdef Entry *entries
    if capacity <= node.capacity:
        return OK
    capacity = 2 * capacity + 4
    entries = <Entry *> arena_take(tree.arena, (<size_t> capacity + 1) * sizeof(Entry))
    if entries == NULL:
        return OUT_OF_MEMORY
    memcpy(entries, node.entries, node.count * sizeof(Entry))
    node.entries = entries
    node.capacity = capacity
    return OK


cdef int merge(Tree *tree, Link low, Link high, int layer, Link *out) noexcept nogil:
    """Join two neighbouring subtrees of one layer, all keys of `low` being below those of `high`. The smaller node moves into the
    larger one."""
    cdef Node *a
    cdef Node *b
    cdef Node *node
    cdef Link *seam
    cdef Link first_of_low, first_of_high
    cdef uint32_t seam_at
    cdef int code
    if is_nothing(&low) or is_nothing(&high):
        out[0] = high if is_nothing(&low) else low
        return OK
    code = load(tree, &low, layer)
    if code < 0:
        return code
    code = load(tree, &high, layer)
    if code < 0:
        return code
    a = low.node
    b = high.node
    seam_at = a.count
    first_of_low = a.first
    first_of_high = b.first
    node = a if a.count >= b.count else b
    code = reshape(tree, a)
    if code == OK:
        code = reshape(tree, b)
    if code == OK:
        code = make_room(tree, node, a.count + b.count)
    if code < 0:
        return code
    if node == a:
        memcpy(a.entries + a.count, b.entries, b.count * sizeof(Entry))
    else:
        memmove(b.entries + a.count, b.entries, b.count * sizeof(Entry))
        memcpy(b.entries, a.entries, a.count * sizeof(Entry))
    node.count = a.count + b.count
    node.first = first_of_low
    out.cid = NULL
    out.node = node
    seam = link_before(node, seam_at)
    return merge(tree, seam[0], first_of_high, layer - 1, seam)


cdef int split(Tree *tree, Link whole, int layer, Slice key, Link *low, Link *high) noexcept nogil:
    """Part a subtree at a key that is not in it. The smaller part moves out to a new node."""
    cdef Node *node
    cdef Node *fresh
    cdef Link below, above
    cdef uint32_t position, above_count
    cdef bint found
    cdef int code
    low[0] = nothing()
    high[0] = nothing()
    if is_nothing(&whole):
        return OK
    code = load(tree, &whole, layer)
    if code < 0:
        return code
    node = whole.node
    position = seek(node, key, &found)
    if found:
        return OP_EXISTS
    code = reshape(tree, node)
    if code == OK:
        code = split(tree, link_before(node, position)[0], layer - 1, key, &below, &above)
    if code < 0:
        return code
    above_count = node.count - position
    fresh = new_node(tree.arena, layer, position if position <= above_count else above_count)
    if fresh == NULL:
        return OUT_OF_MEMORY
    if position <= above_count:
        memcpy(fresh.entries, node.entries, position * sizeof(Entry))
        fresh.count = position
        fresh.first = node.first
        node.entries += position
        node.capacity -= position
        low.node = fresh
        high.node = node
    else:
        memcpy(fresh.entries, node.entries + position, above_count * sizeof(Entry))
        fresh.count = above_count
        low.node = node
        high.node = fresh
    low.node.count = position
    link_before(low.node, position)[0] = below
    high.node.count = above_count
    high.node.first = above
    if is_hollow(low.node):
        low.node = NULL
    if is_hollow(high.node):
        high.node = NULL
    return OK


cdef int remove(Tree *tree, Link *link, Slice key, int wanted, const uint8_t *value) noexcept nogil:
    """Take out a key, which must lead to `value`; the loaded node under `link` may be hollow afterwards."""
    cdef Node *node = link.node
    cdef Link *child
    cdef Link merged
    cdef uint32_t position
    cdef bint found
    cdef int code
    if wanted > node.layer:
        return OP_NOT_FOUND
    position = seek(node, key, &found)
    child = link_before(node, position)
    if wanted < node.layer:
        if is_nothing(child):
            return OP_NOT_FOUND
        code = load(tree, child, node.layer - 1)
        if code < 0:
            return code
        code = remove(tree, child, key, wanted, value)
        if code < 0:
            return code
        touch(node, position)
        if is_hollow(child.node):
            child[0] = nothing()
            return reshape(tree, node)
        return OK
    if not found:
        return OP_NOT_FOUND
    if memcmp(node.entries[position].value, value, 36) != 0:
        tree.at = node.entries[position].value
        return OP_VALUE
    code = reshape(tree, node)
    if code == OK:
        code = merge(tree, child[0], node.entries[position].right, node.layer - 1, &merged)
    if code < 0:
        return code
    child[0] = merged
    memmove(node.entries + position, node.entries + position + 1, (node.count - position - 1) * sizeof(Entry))
    node.count -= 1
    return OK


cdef int insert_entry(Tree *tree, Node *node, uint32_t position, Slice key, const uint8_t *value) noexcept nogil:
    """Put a key on its own layer's node, parting the subtree that spans it."""
    cdef Link low, high
    cdef int code = reshape(tree, node)
    if code == OK:
        code = split(tree, link_before(node, position)[0], node.layer - 1, key, &low, &high)
    if code == OK:
        code = make_room(tree, node, node.count + 1)
    if code < 0:
        return code
    memmove(node.entries + position + 1, node.entries + position, (node.count - position) * sizeof(Entry))
    node.entries[position].key = key
    node.entries[position].value = value
    node.entries[position].right = high
    node.count += 1
    link_before(node, position)[0] = low
    return OK


cdef int insert(Tree *tree, Link *link, int layer, Slice key, int wanted, const uint8_t *value) noexcept nogil:
    """Put in a key that must not be there, at or below the layer of the subtree under `link` (which may be nothing)."""
    cdef Node *node
    cdef Link *child
    cdef uint32_t position
    cdef bint found
    cdef int code
    if is_nothing(link):
        link.node = new_node(tree.arena, layer, 4)
        if link.node == NULL:
            return OUT_OF_MEMORY
    else:
        code = load(tree, link, layer)
        if code < 0:
            return code
    node = link.node
    position = seek(node, key, &found)
    if found:
        return OP_EXISTS
    if wanted == node.layer:
        return insert_entry(tree, node, position, key, value)
    child = link_before(node, position)
    touch(node, position)
    if is_nothing(child):
        code = reshape(tree, node)
        if code < 0:
            return code
    return insert(tree, child, node.layer - 1, key, wanted, value)


cdef int raise_to(Tree *tree, Link *link, int layer, int wanted) noexcept nogil:
    """Put empty nodes above a subtree until it is of the layer `wanted`."""
    cdef Node *node
    if is_nothing(link):
        return OK
    while layer < wanted:
        layer += 1
        node = new_node(tree.arena, layer, 1)
        if node == NULL:
            return OUT_OF_MEMORY
        node.first = link[0]
        link.cid = NULL
        link.node = node
    return OK


cdef int insert_at_root(Tree *tree, Link *root, Slice key, int wanted, const uint8_t *value) noexcept nogil:
    """`insert` where the key may stand above the root, which then grows."""
    cdef Node *node = root.node
    cdef Node *grown
    cdef Link low, high
    cdef int code
    if is_hollow(node):
        node.layer = wanted
    if wanted <= node.layer:
        return insert(tree, root, node.layer, key, wanted, value)
    code = split(tree, root[0], node.layer, key, &low, &high)
    if code < 0:
        return code
    code = raise_to(tree, &low, node.layer, wanted - 1)
    if code < 0:
        return code
    code = raise_to(tree, &high, node.layer, wanted - 1)
    if code < 0:
        return code
    grown = new_node(tree.arena, wanted, 4)
    if grown == NULL:
        return OUT_OF_MEMORY
    grown.first = low
    grown.entries[0].key = key
    grown.entries[0].value = value
    grown.entries[0].right = high
    grown.count = 1
    root.cid = NULL
    root.node = grown
    return OK


cdef int find(Tree *tree, Link *link, Slice key, int wanted, Entry **out) noexcept nogil:
    """The entry of a key, or NULL; the root is loaded."""
    cdef Node *node = link.node
    cdef uint32_t position
    cdef bint found
    cdef int code
    out[0] = NULL
    while True:
        if wanted > node.layer:
            return OK
        position = seek(node, key, &found)
        if wanted == node.layer:
            if found:
                out[0] = &node.entries[position]
            return OK
        link = link_before(node, position)
        if is_nothing(link):
            return OK
        code = load(tree, link, node.layer - 1)
        if code < 0:
            return code
        node = link.node


cdef int replace(Tree *tree, Link *link, Slice key, int wanted, const uint8_t *value, const uint8_t *fresh) noexcept nogil:
    """Make a key, which must lead to `value`, lead to `fresh`."""
    cdef Node *node = link.node
    cdef Link *child
    cdef uint32_t position
    cdef bint found
    cdef int code
    if wanted > node.layer:
        return OP_NOT_FOUND
    position = seek(node, key, &found)
    if wanted < node.layer:
        child = link_before(node, position)
        if is_nothing(child):
            return OP_NOT_FOUND
        code = load(tree, child, node.layer - 1)
        if code < 0:
            return code
        touch(node, position)
        return replace(tree, child, key, wanted, value, fresh)
    if not found:
        return OP_NOT_FOUND
    if memcmp(node.entries[position].value, value, 36) != 0:
        tree.at = node.entries[position].value
        return OP_VALUE
    node.entries[position].value = fresh
    return reshape(tree, node)


# --- hashing --------------------------------------------------------------------------------------------------------

cdef inline uint8_t *write_head(uint8_t *p, uint8_t major, size_t n) noexcept nogil:
    """A CBOR head for a number below 2^16 (keys) or 2^32 (counts)."""
    if n < 24:
        p[0] = <uint8_t> (major | n)
        return p + 1
    if n < 0x100:
        p[0] = major | 24
        p[1] = <uint8_t> n
        return p + 2
    if n < 0x10000:
        p[0] = major | 25
        p[1] = <uint8_t> (n >> 8)
        p[2] = <uint8_t> n
        return p + 3
    p[0] = major | 26
    p[1] = <uint8_t> (n >> 24)
    p[2] = <uint8_t> (n >> 16)
    p[3] = <uint8_t> (n >> 8)
    p[4] = <uint8_t> n
    return p + 5


cdef inline uint8_t *write_link(uint8_t *p, const uint8_t *cid) noexcept nogil:
    if cid == NULL:
        p[0] = 0xF6
        return p + 1
    memcpy(p, <const char *> b"\xd8\x2a\x58\x25\x00", 5)
    memcpy(p + 5, cid, 36)
    return p + 41


cdef inline uint8_t *write_name(uint8_t *p, uint8_t letter) noexcept nogil:
    p[0] = 0x61
    p[1] = letter
    return p + 2


cdef int write_node(Tree *tree, const Node *node, Slice *out) noexcept nogil:
    """The bytes of a node whose links all have CIDs; keys are put in order by the caller, and checked once more."""
    cdef size_t size = 64
    cdef size_t shared, longest
    cdef uint32_t i
    cdef uint8_t *start
    cdef uint8_t *p
    cdef const Entry *entry
    cdef Slice previous
    for i in range(node.count):
        size += ENTRY_OVERHEAD + node.entries[i].key.n
    start = <uint8_t *> arena_take(tree.arena, size)
    if start == NULL:
        return OUT_OF_MEMORY
    p = start
    p[0] = 0xA2
    p = write_name(p + 1, b"e")
    p = write_head(p, 0x80, node.count)
    previous.p = NULL
    previous.n = 0
    for i in range(node.count):
        entry = &node.entries[i]
        longest = previous.n if previous.n < entry.key.n else entry.key.n
        shared = 0
        while shared < longest and previous.p[shared] == entry.key.p[shared]:
            shared += 1
        if shared == entry.key.n or (shared < previous.n and entry.key.p[shared] < previous.p[shared]):
            return MST_ORDER
        p[0] = 0xA4
        p = write_name(p + 1, b"k")
        p = write_head(p, 0x40, entry.key.n - shared)
        memcpy(p, entry.key.p + shared, entry.key.n - shared)
        p = write_name(p + (entry.key.n - shared), b"p")
        p = write_head(p, 0x00, shared)
        p = write_name(p, b"t")
        p = write_link(p, entry.right.cid)
        p = write_name(p, b"v")
        p = write_link(p, entry.value)
        previous = entry.key
    p = write_name(p, b"l")
    p = write_link(p, node.first.cid)
    out.p = start
    out.n = <size_t> (p - start)
    return OK


cdef inline uint32_t first_link(const Node *node) noexcept nogil:
    """The first and the last of the links below which something may have changed."""
    return 0 if node.reshaped else node.first_touched


cdef inline uint32_t last_link(const Node *node) noexcept nogil:
    return node.count if node.reshaped else node.last_touched


cdef int plan(Tree *tree, Link *link) noexcept nogil:
    """Before blocks are hashed: have the state kept from which each node that will only be patched can be hashed on. Both versions of its
    block are the same up to the first link that changes."""
    cdef Node *node = link.node
    cdef Link *child
    cdef Block *block
    cdef size_t first_change = node.block.n
    cdef size_t offset
    cdef uint32_t i
    cdef int code
    for i in range(first_link(node), last_link(node) + 1):
        child = link_before(node, i)
        if child.node == NULL or not child.node.changed:
            continue
        if not node.reshaped:
            offset = <size_t> (child.cid - node.block.p)
            if offset < first_change:
                first_change = offset
        code = plan(tree, child)
        if code < 0:
            return code
    block = <Block *> node.source
    # One state a block: a bad tree may lead to the same block twice, and then the changes differ.
    if not node.reshaped and first_change >= 64 and block.fork_length == 0:
        block.fork = <Sha256State *> arena_take(tree.arena, sizeof(Sha256State))
        if block.fork == NULL:
            return OUT_OF_MEMORY
        node.kept = first_change & ~<size_t> 63
        block.fork_length = node.kept
    return OK


cdef int rehash(Tree *tree, Link *link) noexcept nogil:
    """Give a link whose node changed, and all changed links below, the CIDs of what they lead to now."""
    cdef Node *node = link.node
    cdef Link *child
    cdef const uint8_t *old
    cdef const uint8_t *rest
    cdef uint8_t *patched = NULL
    cdef uint8_t *cid
    cdef uint8_t digest[32]
    cdef size_t kept = 0
    cdef Slice body
    cdef uint32_t i
    cdef int code
    if not node.reshaped:
        if tree.index.hashed:
            kept = node.kept
        rest = node.block.p + kept
        patched = <uint8_t *> arena_take(tree.arena, node.block.n - kept)
        if patched == NULL:
            return OUT_OF_MEMORY
        memcpy(patched, rest, node.block.n - kept)
    for i in range(first_link(node), last_link(node) + 1):
        child = link_before(node, i)
        if child.node == NULL or not child.node.changed:
            continue
        old = child.cid
        code = rehash(tree, child)
        if code < 0:
            return code
        if patched != NULL:
            # The shape is as it was, so the old CID still stands in the block, at a place that is known.
            memcpy(patched + (old - rest), child.cid, 36)
    cid = <uint8_t *> arena_take(tree.arena, 36)
    if cid == NULL:
        return OUT_OF_MEMORY
    if patched == NULL:
        code = write_node(tree, node, &body)
        if code < 0:
            return code
        sha256(body.p, body.n, digest)
    elif kept:
        sha256_resume(node.source.fork, patched, node.block.n - kept, node.block.n, digest)
    else:
        sha256(patched, node.block.n, digest)
    cid_from_digest(digest, DAG_CBOR, cid)
    node.changed = False
    link.cid = cid
    return OK


# --- inverting ------------------------------------------------------------------------------------------------------

cdef int undo(Tree *tree, Link *root, const Op *op) noexcept nogil:
    cdef int layer = key_layer(op.path)
    tree.at = op.path.p
    if op.action == ACTION_CREATE:
        return remove(tree, root, op.path, layer, op.cid)
    if op.action == ACTION_DELETE:
        return insert_at_root(tree, root, op.path, layer, op.prev)
    return replace(tree, root, op.path, layer, op.cid, op.prev)


cdef int undo_all(Tree *tree, const uint8_t *root, const Op *ops, uint32_t op_count, bint deletes_first, Link *out) noexcept nogil:
    """Undo every operation: first the deletes or first the others; gives the root of what results, not hashed yet."""
    cdef uint32_t i
    cdef int turn, layer
    cdef int code
    out.cid = root
    out.node = NULL
    code = load(tree, out, -1)
    if code < 0:
        return code
    for turn in range(2):
        for i in range(op_count):
            if (ops[i].action == ACTION_DELETE) == (deletes_first == (turn == 0)):
                code = undo(tree, out, &ops[i])
                if code < 0:
                    return code
    # What is left above the highest key goes. A single subtree that was never read is taken for the whole tree.
    while out.node != NULL and out.node.count == 0 and not is_nothing(&out.node.first):
        layer = out.node.layer - 1
        out[0] = out.node.first
        if out.node == NULL and find_block(tree.index, out.cid) != NULL:
            code = load(tree, out, layer)
            if code < 0:
                return code
    return OK


cdef int check_distinct(const Op *ops, uint32_t op_count) noexcept nogil:
    cdef uint32_t i, j
    for i in range(op_count):
        for j in range(i):
            if ops[i].path.n == ops[j].path.n and memcmp(ops[i].path.p, ops[j].path.p, ops[i].path.n) == 0:
                return OP_DUPLICATE
    return OK


cdef int undo_operations(
    const BlockIndex *index, const uint8_t *root, const Op *ops, uint32_t op_count, Arena *arena, Inversion *out, const uint8_t **at,
) noexcept nogil:
    cdef uint32_t i
    cdef int code
    out.tree.index = index
    out.tree.arena = arena
    out.tree.at = root
    at[0] = root
    for i in range(op_count):
        if ops[i].action != ACTION_CREATE and ops[i].prev == NULL:
            at[0] = ops[i].path.p
            return PREV_MISSING
    code = check_distinct(ops, op_count)
    if code < 0:
        return code
    code = undo_all(&out.tree, root, ops, op_count, False, &out.root)
    if code == BLOCK_MISSING:
        # The order does not matter to the outcome, only to which neighbouring blocks are looked at on the way.
        code = undo_all(&out.tree, root, ops, op_count, True, &out.root)
    at[0] = out.tree.at
    if code == OK and out.root.node != NULL and out.root.node.changed:
        code = plan(&out.tree, &out.root)
    return code


cdef int compare_root(Inversion *inversion, const uint8_t *prev_data, const uint8_t **at) noexcept nogil:
    cdef int code = OK
    if inversion.root.node != NULL and inversion.root.node.changed:
        code = rehash(&inversion.tree, &inversion.root)
    at[0] = inversion.tree.at
    if code == OK and memcmp(inversion.root.cid, prev_data, 36) != 0:
        at[0] = prev_data
        code = ROOT_MISMATCH
    return code


cdef int check_paths(
    const BlockIndex *index, const uint8_t *root, const Op *ops, uint32_t op_count, Arena *arena, const uint8_t **at,
) noexcept nogil:
    cdef Tree tree
    cdef Link link
    cdef Entry *entry
    cdef uint32_t i
    cdef int code
    tree.index = index
    tree.arena = arena
    tree.at = root
    link.cid = root
    link.node = NULL
    code = check_distinct(ops, op_count)
    if code == OK:
        code = load(&tree, &link, -1)
    for i in range(op_count):
        if code < 0:
            break
        code = find(&tree, &link, ops[i].path, key_layer(ops[i].path), &entry)
        if code < 0:
            break
        tree.at = ops[i].path.p
        if ops[i].action == ACTION_DELETE:
            code = OK if entry == NULL else OP_EXISTS
        elif entry == NULL:
            code = OP_NOT_FOUND
        elif memcmp(entry.value, ops[i].cid, 36) != 0:
            code = OP_VALUE
    at[0] = tree.at
    return code
