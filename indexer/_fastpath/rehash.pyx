# cython: boundscheck=False, wraparound=False
"""What a changed tree's nodes hash to: each after the nodes below it, whose CIDs it holds.

Owns the bytes of changed nodes. One that only had a child change is patched, not written anew, and its hash goes on from the state that
its block's own hash had before the first change. Refuses to know what changed them.
"""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy

from indexer._fastpath.arena cimport arena_take
from indexer._fastpath.car cimport Block
from indexer._fastpath.cid cimport DAG_CBOR, cid_begin
from indexer._fastpath.mst cimport Entry, Link, Node, Tree, link_before
from indexer._fastpath.reasons cimport MST_ORDER, OK, OUT_OF_MEMORY
from indexer._fastpath.sha256 cimport Sha256Job, Sha256State, set_job, set_rest
from indexer._fastpath.span cimport Slice

cdef enum:
    ENTRY_OVERHEAD = 100  # bytes of an entry beside its key, at most


# A node that is to be hashed.
cdef struct Step:
    Step *following
    Link *link  # that leads to it
    uint8_t *cid  # 36 bytes: the link's, once it is hashed
    uint8_t *place  # where the CID stands in the bytes of the node above; NULL where that is written anew, or there is none
    Sha256Job job


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


cdef size_t first_change(Node *node) noexcept nogil:
    """Where the block that a node was read from first differs from what it is now: at the link to the first changed child."""
    cdef size_t first = node.block.n
    cdef size_t offset
    cdef const Link *child
    cdef uint32_t i
    for i in range(first_link(node), last_link(node) + 1):
        child = link_before(node, i)
        if child.node != NULL and child.node.changed:
            offset = <size_t> (child.cid - node.block.p)
            if offset < first:
                first = offset
    return first


cdef int plan_patch(Rehash *rehash, Node *node, Step *step, uint8_t **body, size_t *begun) noexcept nogil:
    """Copy the part of a node's block that its children's new CIDs go into. The rest, at its start, is hashed once for both versions."""
    cdef Block *block = <Block *> node.source
    cdef size_t n
    begun[0] = 0
    # One state a block: a bad tree may lead to the same block twice, and then the changes differ.
    if rehash.keep and block.begun == 0:
        n = first_change(node) & ~<size_t> 63
        if n:
            block.state = <Sha256State *> arena_take(rehash.tree.arena, sizeof(Sha256State))
            if block.state == NULL:
                return OUT_OF_MEMORY
            block.begun = n
            begun[0] = n
    n = node.block.n - begun[0]
    body[0] = <uint8_t *> arena_take(rehash.tree.arena, n)
    if body[0] == NULL:
        return OUT_OF_MEMORY
    memcpy(body[0], node.block.p + begun[0], n)
    if begun[0]:
        set_rest(&step.job, block.state, begun[0], body[0], n, step.cid + 4)
    else:
        set_job(&step.job, body[0], n, step.cid + 4)
    return OK


cdef int plan_node(Rehash *rehash, Link *link, uint8_t *place) noexcept nogil:
    """Append the steps of a changed node and of all changed ones below it, those first."""
    cdef Node *node = link.node
    cdef Step *step = <Step *> arena_take(rehash.tree.arena, sizeof(Step))
    cdef Link *child
    cdef uint8_t *body = NULL
    cdef size_t begun
    cdef uint32_t i
    cdef int code = OUT_OF_MEMORY
    if step == NULL:
        return code
    step.cid = <uint8_t *> arena_take(rehash.tree.arena, 36)
    if step.cid == NULL:
        return code
    cid_begin(step.cid, DAG_CBOR)
    step.link = link
    step.place = place
    step.following = NULL
    if not node.reshaped:
        code = plan_patch(rehash, node, step, &body, &begun)
        if code < 0:
            return code
    for i in range(first_link(node), last_link(node) + 1):
        child = link_before(node, i)
        if child.node == NULL or not child.node.changed:
            continue
        # A patched node keeps its shape, so that its children's old CIDs still stand in its block.
        code = plan_node(rehash, child, NULL if body == NULL else body + (<size_t> (child.cid - node.block.p) - begun))
        if code < 0:
            return code
    if rehash.last == NULL:
        rehash.next = step
    else:
        rehash.last.following = step
    rehash.last = step
    return OK


cdef int plan_rehash(Tree *tree, Link *root, bint keep, Rehash *out) noexcept nogil:
    out.tree = tree
    out.keep = keep
    out.next = NULL
    out.last = NULL
    out.current = NULL
    out.code = OK
    if root.node == NULL or not root.node.changed:
        return OK
    return plan_node(out, root, NULL)


cdef const Sha256Job *next_step(void *chain) noexcept nogil:
    cdef Rehash *rehash = <Rehash *> chain
    cdef Step *step = rehash.current
    cdef Node *node
    cdef Slice body
    if step != NULL:
        step.link.node.changed = False
        step.link.cid = step.cid
        if step.place != NULL:
            memcpy(step.place, step.cid, 36)
    step = rehash.next
    rehash.current = step
    if step == NULL:
        return NULL
    rehash.next = step.following
    node = step.link.node
    if node.reshaped:
        rehash.code = write_node(rehash.tree, node, &body)
        if rehash.code < 0:
            rehash.current = NULL
            rehash.next = NULL
            return NULL
        set_job(&step.job, body.p, body.n, step.cid + 4)
    return &step.job
