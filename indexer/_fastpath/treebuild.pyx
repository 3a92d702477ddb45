# cython: language_level=3, boundscheck=False, wraparound=False
"""Merkle search trees that are written: the repositories of the simulated network.

Owns one in-memory tree per repository, its mutation, its node encoding, and the choice of the nodes that prove a
change. Knows nothing of records, signatures or frames; reading other people's trees is the business of `mst`.

Rules: repository specification, "MST structure" (layer = leading zero bits of the key's SHA-256 divided by two, prefix
compression, no skipped layers, no empty tops) and sync specification, "Repo operation inversion" (which blocks a commit
carries so that a receiver can undo it).
"""

from hashlib import sha256 as hash_sha256

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcmp, memcpy, memmove

cdef object sha256 = hash_sha256

cdef struct Key:
    uint16_t length
    char text[1]

cdef struct Entry:
    Key *key
    Node *right
    uint8_t value[32]

cdef struct Node:
    Node *left
    Entry *entries
    uint32_t count
    uint32_t capacity
    uint8_t layer
    uint8_t stale      # its digest does not fit its contents
    uint8_t fresh      # not yet handed out by commit()
    uint8_t wanted     # asked for as part of a proof
    uint8_t digest[32]

cdef struct Buffer:
    uint8_t *data
    size_t length
    size_t capacity


# --- memory ---------------------------------------------------------------------------------------------------------

cdef Node *new_node(int layer) except NULL:
    cdef Node *node = <Node *>calloc(1, sizeof(Node))
    if node == NULL:
        raise MemoryError
    node.layer = <uint8_t>layer
    node.stale = 1
    node.fresh = 1
    return node


cdef void free_shell(Node *node) noexcept:
    free(node.entries)
    free(node)


cdef void free_tree(Node *node) noexcept:
    cdef uint32_t i
    if node == NULL:
        return
    free_tree(node.left)
    for i in range(node.count):
        free_tree(node.entries[i].right)
        free(node.entries[i].key)
    free_shell(node)


cdef int reserve(Node *node, uint32_t count) except -1:
    cdef Entry *grown
    cdef uint32_t capacity
    if count <= node.capacity:
        return 0
    capacity = count + (count >> 1) if count > 3 else count
    grown = <Entry *>realloc(node.entries, capacity * sizeof(Entry))
    if grown == NULL:
        raise MemoryError
    node.entries = grown
    node.capacity = capacity
    return 0


cdef int ensure(Buffer *buffer, size_t more) except -1:
    cdef size_t capacity
    cdef uint8_t *grown
    if buffer.length + more <= buffer.capacity:
        return 0
    capacity = (buffer.length + more) * 2
    grown = <uint8_t *>realloc(buffer.data, capacity)
    if grown == NULL:
        raise MemoryError
    buffer.data = grown
    buffer.capacity = capacity
    return 0


# --- order and layers -----------------------------------------------------------------------------------------------

cdef int compare(const char *a, size_t a_length, const char *b, size_t b_length) noexcept:
    cdef int order = memcmp(a, b, a_length if a_length < b_length else b_length)
    if order != 0:
        return order
    return (a_length > b_length) - (a_length < b_length)


cdef int layer_of(bytes key):
    """Leading zero bits of the key's hash, in pairs."""
    cdef bytes digest = sha256(key).digest()
    cdef const uint8_t *p = <const uint8_t *>PyBytes_AS_STRING(digest)
    cdef int layer = 0
    cdef int i
    for i in range(32):
        if p[i] == 0:
            layer += 4
            continue
        if p[i] < 4:
            layer += 3
        elif p[i] < 16:
            layer += 2
        elif p[i] < 64:
            layer += 1
        break
    return layer


cdef uint32_t position(Node *node, const char *key, size_t length, bint *equal) noexcept:
    """The index of the first entry that is not below the key; `equal` tells whether it is the key itself."""
    cdef uint32_t low = 0, high = node.count, middle
    cdef int order
    equal[0] = False
    while low < high:
        middle = (low + high) >> 1
        order = compare(node.entries[middle].key.text, node.entries[middle].key.length, key, length)
        if order == 0:
            equal[0] = True
            return middle
        if order < 0:
            low = middle + 1
        else:
            high = middle
    return low


cdef inline Node **slot(Node *node, uint32_t index) noexcept:
    """Where the subtree before entry `index` hangs."""
    return &node.left if index == 0 else &node.entries[index - 1].right


cdef inline void touch(Node *node) noexcept:
    node.stale = 1
    node.fresh = 1


# --- mutation -------------------------------------------------------------------------------------------------------

cdef Node *dropped_if_empty(Node *node) noexcept:
    if node.count == 0 and node.left == NULL:
        free_shell(node)
        return NULL
    return node


cdef int split(Node *node, const char *key, size_t length, Node **below, Node **above) except -1:
    """Cut a subtree that does not hold the key into the part below it and the part above it."""
    cdef Node *child_below = NULL
    cdef Node *child_above = NULL
    cdef Node *right
    cdef uint32_t index
    cdef bint equal
    below[0] = above[0] = NULL
    if node == NULL:
        return 0
    index = position(node, key, length, &equal)
    split(slot(node, index)[0], key, length, &child_below, &child_above)
    right = new_node(node.layer)
    reserve(right, node.count - index)
    right.count = node.count - index
    if right.count:
        memcpy(right.entries, node.entries + index, right.count * sizeof(Entry))
    right.left = child_above
    node.count = index
    slot(node, index)[0] = child_below
    touch(node)
    below[0] = dropped_if_empty(node)
    above[0] = dropped_if_empty(right)
    return 0


cdef Node *join(Node *below, Node *above) except? NULL:
    """One subtree from two neighbours of the same layer."""
    cdef Node *middle
    cdef uint32_t seam
    if below == NULL:
        return above
    if above == NULL:
        return below
    seam = below.count
    middle = join(slot(below, seam)[0], above.left)
    reserve(below, seam + above.count)
    if above.count:
        memcpy(below.entries + seam, above.entries, above.count * sizeof(Entry))
    below.count = seam + above.count
    slot(below, seam)[0] = middle
    touch(below)
    free_shell(above)
    return below


cdef int insert_entry(Node *node, uint32_t index, Key *key, const uint8_t *value) except -1:
    """Put the key into its node, dividing the subtree that hung at its place."""
    cdef Node *below = NULL
    cdef Node *above = NULL
    reserve(node, node.count + 1)
    split(slot(node, index)[0], key.text, key.length, &below, &above)
    slot(node, index)[0] = below
    memmove(node.entries + index + 1, node.entries + index, (node.count - index) * sizeof(Entry))
    node.entries[index].key = key
    node.entries[index].right = above
    memcpy(node.entries[index].value, value, 32)
    node.count += 1
    touch(node)
    return 0


cdef Node *lifted(Node *node, int layer) except? NULL:
    """The subtree under enough empty nodes to reach the layer."""
    cdef Node *above
    while node != NULL and node.layer < layer:
        above = new_node(node.layer + 1)
        above.left = node
        node = above
    return node


cdef bint remove_key(Node **place, const char *key, size_t length) except -1:
    """Remove a key that is there; True if the subtree is gone altogether."""
    cdef Node *node = place[0]
    cdef bint equal
    cdef uint32_t index = position(node, key, length, &equal)
    cdef Node *joined
    touch(node)
    if equal:
        joined = join(slot(node, index)[0], node.entries[index].right)
        slot(node, index)[0] = joined
        free(node.entries[index].key)
        memmove(node.entries + index, node.entries + index + 1, (node.count - index - 1) * sizeof(Entry))
        node.count -= 1
    else:
        remove_key(slot(node, index), key, length)
    place[0] = dropped_if_empty(node)
    return place[0] == NULL


# --- encoding -------------------------------------------------------------------------------------------------------

cdef uint8_t *put_head(uint8_t *p, uint8_t major, size_t value) noexcept:
    """A CBOR head in its shortest form (values below 2^32)."""
    if value < 24:
        p[0] = major | <uint8_t>value
        return p + 1
    if value < 0x100:
        p[0] = major | 24
        p[1] = <uint8_t>value
        return p + 2
    if value < 0x10000:
        p[0] = major | 25
        p[1] = <uint8_t>(value >> 8)
        p[2] = <uint8_t>(value & 0xFF)
        return p + 3
    p[0] = major | 26
    p[1] = <uint8_t>(value >> 24)
    p[2] = <uint8_t>((value >> 16) & 0xFF)
    p[3] = <uint8_t>((value >> 8) & 0xFF)
    p[4] = <uint8_t>(value & 0xFF)
    return p + 5


cdef uint8_t *put_link(uint8_t *p, const uint8_t *digest) noexcept:
    """A CBOR link to a DAG-CBOR block (41 bytes)."""
    memcpy(p, <const char *>b"\xd8\x2a\x58\x25\x00\x01\x71\x12\x20", 9)
    memcpy(p + 9, digest, 32)
    return p + 41


cdef uint8_t *put_child(uint8_t *p, Node *child) noexcept:
    if child == NULL:
        p[0] = 0xF6
        return p + 1
    return put_link(p, child.digest)


cdef int encode_node(Node *node, Buffer *out) except -1:
    """Append the node's block to the buffer; its children's digests must be right."""
    cdef size_t room = 64 + 41
    cdef uint32_t i
    cdef size_t shared, limit
    cdef Key *key
    cdef Key *before = NULL
    cdef uint8_t *p
    for i in range(node.count):
        room += 128 + node.entries[i].key.length
    ensure(out, room)
    p = out.data + out.length
    p[0] = 0xA2
    p[1] = 0x61
    p[2] = 0x65  # e
    p = put_head(p + 3, 0x80, node.count)
    for i in range(node.count):
        key = node.entries[i].key
        shared = 0
        if before != NULL:
            limit = key.length if key.length < before.length else before.length
            while shared < limit and key.text[shared] == before.text[shared]:
                shared += 1
        memcpy(p, <const char *>b"\xa4\x61\x6b", 3)
        p = put_head(p + 3, 0x40, key.length - shared)
        memcpy(p, key.text + shared, key.length - shared)
        p += key.length - shared
        memcpy(p, <const char *>b"\x61\x70", 2)
        p = put_head(p + 2, 0x00, shared)
        memcpy(p, <const char *>b"\x61\x74", 2)
        p = put_child(p + 2, node.entries[i].right)
        memcpy(p, <const char *>b"\x61\x76", 2)
        p = put_link(p + 2, node.entries[i].value)
        before = key
    memcpy(p, <const char *>b"\x61\x6c", 2)
    p = put_child(p + 2, node.left)
    out.length = p - out.data
    return 0


cdef int settle(Node *node, Buffer *scratch) except -1:
    """Bring the digests of a subtree up to date."""
    cdef uint32_t i
    cdef bytes digest
    if node == NULL or not node.stale:
        return 0
    settle(node.left, scratch)
    for i in range(node.count):
        settle(node.entries[i].right, scratch)
    scratch.length = 0
    encode_node(node, scratch)
    digest = sha256(PyBytes_FromStringAndSize(<char *>scratch.data, scratch.length)).digest()
    memcpy(node.digest, PyBytes_AS_STRING(digest), 32)
    node.stale = 0
    return 0


cdef int emit(Node *node, bint everything, Buffer *out, Buffer *scratch) except -1:
    """Append the CAR sections of the fresh and the wanted nodes of a subtree, parents first."""
    cdef uint32_t i
    cdef size_t length
    cdef uint8_t *p
    if node == NULL or not (everything or node.fresh or node.wanted):
        return 0
    scratch.length = 0
    encode_node(node, scratch)
    ensure(out, scratch.length + 36 + 5)
    length = scratch.length + 36
    p = out.data + out.length
    while length >= 0x80:
        p[0] = <uint8_t>(length & 0x7F) | 0x80
        length >>= 7
        p += 1
    p[0] = <uint8_t>length
    memcpy(p + 1, <const char *>b"\x01\x71\x12\x20", 4)
    memcpy(p + 5, node.digest, 32)
    memcpy(p + 37, scratch.data, scratch.length)
    out.length = (p - out.data) + 37 + scratch.length
    if not everything:
        node.fresh = 0
        node.wanted = 0
    emit(node.left, everything, out, scratch)
    for i in range(node.count):
        emit(node.entries[i].right, everything, out, scratch)
    return 0


cdef void want(Node *node, const char *key, size_t length) noexcept:
    """Mark the nodes on the way to the key and to its neighbours on both sides."""
    cdef bint equal
    cdef uint32_t index
    cdef Node *side
    while node != NULL:
        node.wanted = 1
        index = position(node, key, length, &equal)
        if equal:
            side = slot(node, index)[0]
            while side != NULL:
                side.wanted = 1
                side = slot(side, side.count)[0]
            side = node.entries[index].right
            while side != NULL:
                side.wanted = 1
                side = side.left
            return
        node = slot(node, index)[0]


cdef void collect(Node *node, list found):
    cdef uint32_t i
    if node == NULL:
        return
    collect(node.left, found)
    for i in range(node.count):
        found.append((
            PyBytes_FromStringAndSize(node.entries[i].key.text, node.entries[i].key.length),
            PyBytes_FromStringAndSize(<char *>node.entries[i].value, 32),
        ))
        collect(node.entries[i].right, found)


# --- the tree ---------------------------------------------------------------------------------------------------------

cdef Buffer OUT
cdef Buffer SCRATCH
OUT.data = SCRATCH.data = NULL
OUT.length = OUT.capacity = SCRATCH.length = SCRATCH.capacity = 0

cdef bytes EMPTY_NODE = b"\xa2\x61\x65\x80\x61\x6c\xf6"
cdef bytes EMPTY_DIGEST = sha256(EMPTY_NODE).digest()


cdef class Tree:
    """A repository's Merkle search tree: record path -> SHA-256 digest of the record's block."""

    cdef Node *top
    cdef Py_ssize_t length

    def __dealloc__(self):
        free_tree(self.top)

    def __len__(self):
        return self.length

    def get(self, bytes key not None):
        """The digest stored under the key, or None."""
        cdef Node *node = self.top
        cdef bint equal
        cdef uint32_t index
        while node != NULL:
            index = position(node, PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key), &equal)
            if equal:
                return PyBytes_FromStringAndSize(<char *>node.entries[index].value, 32)
            node = slot(node, index)[0]
        return None

    def put(self, bytes key not None, bytes digest not None):
        """Store a digest under the key; gives the digest that was there before, or None.

        Raises ValueError for a digest that is not 32 bytes or a key of more than 1024.
        """
        cdef const char *text = PyBytes_AS_STRING(key)
        cdef size_t size = PyBytes_GET_SIZE(key)
        cdef const uint8_t *value = <const uint8_t *>PyBytes_AS_STRING(digest)
        cdef Node *node
        cdef Node *below = NULL
        cdef Node *above = NULL
        cdef Node **place
        cdef Key *owned
        cdef uint32_t index
        cdef bint equal = False
        cdef int layer
        if PyBytes_GET_SIZE(digest) != 32:
            raise ValueError(f"expected a digest of 32 bytes, got {PyBytes_GET_SIZE(digest)}")
        if size == 0 or size > 1024:
            raise ValueError(f"expected a key of 1 to 1024 bytes, got {size}")
        before = self.get(key)
        if before is not None:
            node = self.top
            while True:
                touch(node)
                index = position(node, text, size, &equal)
                if equal:
                    memcpy(node.entries[index].value, value, 32)
                    return before
                node = slot(node, index)[0]
        layer = layer_of(key)
        owned = <Key *>malloc(sizeof(Key) + size)
        if owned == NULL:
            raise MemoryError
        owned.length = <uint16_t>size
        memcpy(owned.text, text, size)
        self.length += 1
        if self.top == NULL:
            self.top = new_node(layer)
        elif layer > self.top.layer:
            split(self.top, text, size, &below, &above)
            node = new_node(layer)
            insert_entry(node, 0, owned, value)
            node.left = lifted(below, layer - 1)
            node.entries[0].right = lifted(above, layer - 1)
            self.top = node
            return None
        place = &self.top
        while place[0].layer > layer:
            node = place[0]
            touch(node)
            index = position(node, text, size, &equal)
            place = slot(node, index)
            if place[0] == NULL:
                place[0] = new_node(node.layer - 1)
        node = place[0]
        insert_entry(node, position(node, text, size, &equal), owned, value)
        return None

    def remove(self, bytes key not None):
        """Remove the key; gives the digest that was there, or None if there was none."""
        cdef Node *node
        before = self.get(key)
        if before is None:
            return None
        remove_key(&self.top, PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key))
        while self.top != NULL and self.top.count == 0:
            node = self.top
            self.top = node.left
            free_shell(node)
        self.length -= 1
        return before

    def root(self):
        """The digest of the top node."""
        if self.top == NULL:
            return EMPTY_DIGEST
        settle(self.top, &SCRATCH)
        return PyBytes_FromStringAndSize(<char *>self.top.digest, 32)

    def commit(self, list keys not None):
        """Close a change of these keys: (root digest, CAR sections of the nodes that a commit of it carries).

        The sections hold every node that is new since the last commit, and the nodes on the way to each key and to its
        neighbours, so that the receiver can undo the change from these blocks alone.
        """
        cdef bytes key
        OUT.length = 0
        root = self.root()
        if self.top == NULL:
            return root, b"\x2b\x01\x71\x12\x20" + EMPTY_DIGEST + EMPTY_NODE
        self.top.wanted = 1
        for key in keys:
            want(self.top, PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key))
        emit(self.top, False, &OUT, &SCRATCH)
        return root, PyBytes_FromStringAndSize(<char *>OUT.data, OUT.length)

    def sections(self):
        """The CAR sections of all nodes."""
        OUT.length = 0
        self.root()
        if self.top == NULL:
            return b"\x2b\x01\x71\x12\x20" + EMPTY_DIGEST + EMPTY_NODE
        emit(self.top, True, &OUT, &SCRATCH)
        return PyBytes_FromStringAndSize(<char *>OUT.data, OUT.length)

    def items(self):
        """All (key, digest) pairs in key order."""
        cdef list found = []
        collect(self.top, found)
        return found
