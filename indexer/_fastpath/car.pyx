# cython: boundscheck=False, wraparound=False
"""CAR v1 files, from a commit's slice to a whole repository's export.

Owns framing, block table and block hashes. Refuses to know what blocks mean: an export that was cut at a block's boundary is a good
CAR, and only the walk of its tree (mst) shows that something is missing.
"""

import os

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

from indexer._fastpath.arena cimport Arena, arena_free, arena_init, arena_take
from indexer._fastpath.cbor cimport is_text, read_array, read_cid, read_int, read_key, read_map
from indexer._fastpath.cid cimport make_cid
from indexer._fastpath.objects cimport bytes_of, span_of_bytes
from indexer._fastpath.reasons cimport (
    CAR_HEADER, CAR_ROOTS, HASH_MISMATCH, OK, OUT_OF_MEMORY, TOO_LARGE, WRONG_TYPE, fail,
)
from indexer._fastpath.sha256 cimport Sha256Job, Sha256Next, set_beginning, set_job, set_rest, sha256_many
from indexer._fastpath.span cimport Slice, Span, take
from indexer._fastpath.usual cimport usual_section

cdef enum:
    FEW_BLOCKS = 24

cdef uint64_t table_seed = int.from_bytes(os.urandom(8), "big")


cdef int read_other_car_header(Span *s, const uint8_t **root) noexcept nogil:
    cdef const uint8_t *start = s.p
    cdef const uint8_t *other
    cdef uint64_t length, pairs, roots, i
    cdef int64_t version
    cdef Slice part
    cdef Span header
    cdef Slice key
    cdef int code
    code = read_varint(s, &length)
    if code < 0:
        return code
    code = take(s, length, &part)
    if code < 0:
        s.p = start
        return code
    header.p = part.p
    header.end = part.p + part.n
    key.p = NULL
    key.n = 0
    code = read_map(&header, &pairs)
    if code == OK and pairs != 2:
        code = CAR_HEADER
    if code == OK:
        code = read_key(&header, &key)
    if code == OK and not is_text(key, b"roots", 5):
        code = CAR_HEADER
    if code == OK:
        code = read_array(&header, &roots)
    if code == OK and roots == 0:
        code = CAR_ROOTS
    if code == OK:
        code = read_cid(&header, root)
        for i in range(1, roots):
            if code == OK:
                code = read_cid(&header, &other)
            else:
                break
    if code == OK:
        code = read_key(&header, &key)
    if code == OK and not is_text(key, b"version", 7):
        code = CAR_HEADER
    if code == OK:
        code = read_int(&header, &version)
    if code == OK and (version != 1 or header.p != header.end):
        code = CAR_HEADER
    if code < 0:
        s.p = header.p
        return CAR_HEADER if code == WRONG_TYPE else code
    return OK


cdef int index_blocks(Span *s, Arena *arena, BlockIndex *index) noexcept nogil:
    cdef const uint8_t *p = s.p
    cdef const uint8_t *end = s.end
    cdef Block *block
    cdef uint32_t *heads
    cdef size_t length
    cdef size_t room = FEW_BLOCKS
    cdef size_t count = 0
    cdef uint32_t size = 4 * FEW_BLOCKS
    cdef uint32_t i, slot, found
    cdef int code
    index.slots = NULL
    block = <Block *> arena_take(arena, room * (sizeof(Block) + sizeof(uint32_t)))
    if block == NULL:
        return OUT_OF_MEMORY
    heads = <uint32_t *> (block + room)
    index.blocks = block
    index.heads = heads
    while p < end:
        if count == room:
            block = <Block *> arena_take(arena, 2 * room * (sizeof(Block) + sizeof(uint32_t)))
            if block == NULL:
                return OUT_OF_MEMORY
            heads = <uint32_t *> (block + 2 * room)
            memcpy(block, index.blocks, room * sizeof(Block))
            memcpy(heads, index.heads, room * sizeof(uint32_t))
            index.blocks = block
            index.heads = heads
            block += count
            room *= 2
        length = usual_section(p, end)
        if length:
            p += 2
            block.cid = p
            block.data = p + 36
            block.length = length - 36
            block.begun = 0
            p += length
        else:
            s.p = p
            code = read_block(s, block)
            if code < 0:
                return code
            p = s.p
        heads[count] = word_at(block.cid + 4)
        block += 1
        count += 1
    s.p = p
    if count > 0x20000000:
        return TOO_LARGE
    index.count = <uint32_t> count
    if count <= FEW_BLOCKS:
        return OK
    while size < 2 * count:
        size *= 2
    index.mask = size - 1
    index.seed = table_seed
    index.slots = <uint32_t *> arena_take(arena, size * sizeof(uint32_t))
    if index.slots == NULL:
        return OUT_OF_MEMORY
    memset(index.slots, 0, size * sizeof(uint32_t))
    for i in range(index.count):
        slot = <uint32_t> mix_digest(index.blocks[i].cid + 4, table_seed) & index.mask
        while True:
            found = index.slots[slot]
            if found == 0:
                index.slots[slot] = i + 1
                break
            # A duplicate stays in the list (its hash is checked) but is never found.
            if memcmp(index.blocks[found - 1].cid, index.blocks[i].cid, 36) == 0:
                break
            slot = (slot + 1) & index.mask
    return OK


cdef int hash_blocks(
    BlockIndex *index, Arena *arena, const Block **bad, const Sha256Job *also, Sha256Next next, void *chain,
) noexcept nogil:
    cdef Sha256Job *jobs = <Sha256Job *> arena_take(arena, (2 * <size_t> index.count + 1) * sizeof(Sha256Job))
    cdef uint8_t *digests = <uint8_t *> arena_take(arena, (<size_t> index.count + 1) * 32)
    cdef const Block *block
    cdef Sha256Job *job = jobs
    cdef uint32_t i
    if jobs == NULL or digests == NULL:
        return OUT_OF_MEMORY
    for i in range(index.count):
        block = &index.blocks[i]
        if block.begun:
            set_beginning(job, block.data, block.begun, block.state)
            job += 1
    if also != NULL:
        job[0] = also[0]
        job += 1
    for i in range(index.count):
        block = &index.blocks[i]
        if block.begun:
            set_rest(
                job, block.state, block.begun, block.data + block.begun, block.length - block.begun, digests + 32 * <size_t> i,
            )
        else:
            set_job(job, block.data, block.length, digests + 32 * <size_t> i)
        job += 1
    sha256_many(jobs, <size_t> (job - jobs), next, chain)
    for i in range(index.count):
        if memcmp(digests + 32 * <size_t> i, index.blocks[i].cid + 4, 32) != 0:
            bad[0] = &index.blocks[i]
            return HASH_MISMATCH
    return OK


def read(bytes data not None, bint check_hashes=True):
    """(root CID, [(CID, block bytes), ...]) of a CAR, in the file's order; errors: FrameError with reason and offset."""
    cdef Span s = span_of_bytes(data)
    cdef const uint8_t *base = s.p
    cdef const uint8_t *root
    cdef const Block *bad = NULL
    cdef BlockIndex index
    cdef Arena arena
    cdef uint32_t i
    cdef int code
    arena_init(&arena)
    try:
        with nogil:
            code = read_car_header(&s, &root)
            if code == OK:
                code = index_blocks(&s, &arena, &index)
            if code == OK and check_hashes:
                code = hash_blocks(&index, &arena, &bad, NULL, NULL, NULL)
        if code < 0:
            fail(code, (s.p if bad == NULL else bad.cid) - base)
        blocks = []
        for i in range(index.count):
            blocks.append((
                make_cid(index.blocks[i].cid),
                bytes_of(index.blocks[i].data, index.blocks[i].length),
            ))
        return make_cid(root), blocks
    finally:
        arena_free(&arena)
