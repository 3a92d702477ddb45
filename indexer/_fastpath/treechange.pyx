# cython: boundscheck=False, wraparound=False
"""How keys go into and out of a tree of which only some nodes are at hand.

A node is read when it is touched; one that is needed and not there makes the change fail. Nothing is hashed here: nodes note what
changed in and below them (rehash.pyx goes on from there).
"""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcmp, memcpy, memmove

from indexer._fastpath.arena cimport Arena, arena_take
from indexer._fastpath.mst cimport Entry, Link, Node, Tree, is_nothing, link_before, load, nothing, seek, unfold_keys
from indexer._fastpath.reasons cimport OK, OP_EXISTS, OP_NOT_FOUND, OP_VALUE, OUT_OF_MEMORY
from indexer._fastpath.span cimport Slice


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
