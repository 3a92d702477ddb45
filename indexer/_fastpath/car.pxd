"""CAR v1: its header, its blocks one after the other, and a table that finds a block by its CID."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from indexer._fastpath.arena cimport Arena
from indexer._fastpath.cbor cimport check_cid
from indexer._fastpath.reasons cimport BAD_CID, BAD_VARINT, CAR_BLOCK_TOO_SHORT, OK, TRUNCATED
from indexer._fastpath.sha256 cimport Sha256Job, Sha256Next, Sha256State
from indexer._fastpath.span cimport Slice, Span, take
from indexer._fastpath.usual cimport USUAL_CAR_ROOT, usual_car_header

cdef extern from "memory.h" nogil:
    uint32_t find_word(const uint32_t *words, uint32_t count, uint32_t word)
    uint32_t word_at(const uint8_t *p)
    bint same_cid(const uint8_t *a, const uint8_t *b)


ctypedef struct Block:
    const uint8_t *cid  # 36 bytes, in place
    const uint8_t *data
    size_t length
    size_t begun  # bytes of the data, a multiple of 64, after which the hash's state is kept; 0 for none
    Sha256State *state


ctypedef struct BlockIndex:
    Block *blocks  # in the file's order, duplicates included
    uint32_t count
    uint32_t *heads  # the first bytes of the digests, one word a block
    uint32_t *slots  # open addressing; block number + 1, or 0. NULL where the blocks are so few that looking at all is faster
    uint32_t mask
    uint64_t seed


cdef inline int read_varint(Span *s, uint64_t *value) noexcept nogil:
    """An unsigned LEB128 number in its shortest form, below 2^63."""
    cdef const uint8_t *p = s.p
    cdef uint64_t out = 0
    cdef int shift = 0
    if s.end - p >= 2 and p[0] >= 0x80 and 0 < p[1] < 0x80:
        # Nearly every block's length takes two bytes.
        value[0] = (p[0] & 0x7F) | (<uint64_t> p[1] << 7)
        s.p += 2
        return OK
    while True:
        if p >= s.end:
            return TRUNCATED
        if shift == 63:
            return BAD_VARINT
        out |= <uint64_t> (p[0] & 0x7F) << shift
        if p[0] < 0x80:
            break
        shift += 7
        p += 1
    if p[0] == 0 and shift:
        return BAD_VARINT
    s.p = p + 1
    value[0] = out
    return OK


cdef inline int read_block(Span *s, Block *block) noexcept nogil:
    """The next section: its CID, which must be one that this protocol uses, and its data."""
    cdef const uint8_t *start = s.p
    cdef uint64_t length
    cdef Slice section
    cdef int code = read_varint(s, &length)
    if code < 0:
        return code
    code = take(s, length, &section)
    if code < 0:
        s.p = start
        return code
    if length < 36:
        s.p = start
        return CAR_BLOCK_TOO_SHORT
    if check_cid(section.p, 36, NULL) < 0:
        s.p = start
        return BAD_CID
    block.cid = section.p
    block.data = section.p + 36
    block.length = section.n - 36
    block.begun = 0
    return OK


cdef inline uint64_t mix_digest(const uint8_t *digest, uint64_t seed) noexcept nogil:
    """Where in a table a digest begins its search. The seed is secret: nobody can choose CIDs that meet."""
    cdef uint64_t words[4]
    cdef uint64_t h = seed
    memcpy(words, digest, 32)
    h = (h ^ words[0]) * <uint64_t> 0x9E3779B97F4A7C15
    h ^= h >> 29
    h = (h ^ words[1]) * <uint64_t> 0xBF58476D1CE4E5B9
    h ^= h >> 32
    h = (h ^ words[2]) * <uint64_t> 0x94D049BB133111EB
    h ^= h >> 29
    h = (h ^ words[3]) * <uint64_t> 0xD6E8FEB86659FD93
    return h ^ (h >> 32)


cdef inline const Block *find_block(const BlockIndex *index, const uint8_t *cid) noexcept nogil:
    """The (first) block with this CID of 36 bytes, or NULL."""
    cdef uint32_t slot, found
    if index.slots == NULL:
        found = find_word(index.heads, index.count, word_at(cid + 4))
        # One of another CID that begins like this one: nothing for it but to look at all from there.
        while found < index.count and not same_cid(index.blocks[found].cid, cid):
            found += 1
        return &index.blocks[found] if found < index.count else NULL
    slot = <uint32_t> mix_digest(cid + 4, index.seed) & index.mask
    while True:
        found = index.slots[slot]
        if found == 0:
            return NULL
        if same_cid(index.blocks[found - 1].cid, cid):
            return &index.blocks[found - 1]
        slot = (slot + 1) & index.mask


# `read_car_header` for whatever form.
cdef int read_other_car_header(Span *s, const uint8_t **root) noexcept nogil


cdef inline int read_car_header(Span *s, const uint8_t **root) noexcept nogil:
    """The header's first root (36 bytes in place); `s` steps over the header."""
    cdef const uint8_t *after = usual_car_header(s.p, s.end)
    if after == NULL:
        return read_other_car_header(s, root)
    root[0] = s.p + USUAL_CAR_ROOT
    s.p = after
    return OK


# All sections up to the end of `s`, in tables of `arena` (about 44 bytes a block).
cdef int index_blocks(Span *s, Arena *arena, BlockIndex *index) noexcept nogil

# Whether every block has the digest that its CID claims; `bad` gets the first that has not. Beside them are hashed, where they are not NULL:
# one more message, and a chain, that after the beginnings which blocks keep.
cdef int hash_blocks(
    BlockIndex *index, Arena *arena, const Block **bad, const Sha256Job *also, Sha256Next next, void *chain,
) noexcept nogil
