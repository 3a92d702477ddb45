# cython: boundscheck=False, wraparound=False
"""Undoing a commit's operations on the part of the tree that it carries (sync specification, "commit validation: operation inversion").

Owns which operation is undone how, and in which order. How a tree changes is the business of treechange, what it hashes to of rehash.
"""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcmp

from indexer._fastpath.arena cimport Arena
from indexer._fastpath.car cimport BlockIndex, find_block
from indexer._fastpath.frame cimport ACTION_CREATE, ACTION_DELETE, Op
from indexer._fastpath.mst cimport Entry, Link, Tree, is_nothing, key_layer, load
from indexer._fastpath.reasons cimport (
    BLOCK_MISSING, OK, OP_DUPLICATE, OP_EXISTS, OP_NOT_FOUND, OP_VALUE, PREV_MISSING, ROOT_MISMATCH,
)
from indexer._fastpath.rehash cimport plan_rehash
from indexer._fastpath.treechange cimport find, insert_at_root, remove, replace


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
    const BlockIndex *index, const uint8_t *root, const Op *ops, uint32_t op_count, bint keep, Arena *arena, Inversion *out,
    const uint8_t **at,
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
    return code if code < 0 else plan_rehash(&out.tree, &out.root, keep, &out.rehash)


cdef int compare_root(const Inversion *inversion, const uint8_t *prev_data, const uint8_t **at) noexcept nogil:
    at[0] = inversion.tree.at
    if inversion.rehash.code < 0:
        return inversion.rehash.code
    if memcmp(inversion.root.cid, prev_data, 36) != 0:
        at[0] = prev_data
        return ROOT_MISMATCH
    return OK


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
