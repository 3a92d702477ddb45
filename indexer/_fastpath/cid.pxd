"""CIDs: 36 binary bytes, 59 characters of base32, or (compact) the 32 bytes of their digest."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from indexer._fastpath.reasons cimport BAD_CID, OK
from indexer._fastpath.span cimport Slice
from indexer._fastpath.text cimport text_base32_groups, text_base32_write

cdef extern from "bigendian.h" nogil:
    uint8_t *put32(uint8_t *p, uint32_t v)
    uint8_t *put64(uint8_t *p, uint64_t v)

cdef enum:
    CID_TEXT_SIZE = 59  # 'b' and 58 characters for 36 bytes
    DAG_CBOR = 0x71
    RAW = 0x55


cdef inline const uint8_t *digest_of(const uint8_t *cid) noexcept nogil:
    """The 32 bytes that identify a block, given the 36 of its CID."""
    return cid + 4


cdef inline void cid_begin(uint8_t *cid, uint8_t codec) noexcept nogil:
    """Write the 4 bytes before the digest."""
    cid[0] = 1
    cid[1] = codec
    cid[2] = 0x12
    cid[3] = 0x20


cdef inline void cid_from_digest(const uint8_t *digest, uint8_t codec, uint8_t *cid) noexcept nogil:
    """Write the 36 bytes of the CID of a digest."""
    cid_begin(cid, codec)
    memcpy(cid + 4, digest, 32)


cdef inline void cid_to_text(const uint8_t *cid, uint8_t *text) noexcept nogil:
    """Write the 59 characters of a CID."""
    text[0] = b"b"
    text_base32_write(cid, 36, text + 1)


cdef inline int cid_from_text(Slice text, uint8_t *cid) noexcept nogil:
    """Read 59 characters to 36 bytes; BAD_CID for anything but a blessed CID in base32."""
    cdef uint64_t groups[2]
    cdef int i
    if text.n != CID_TEXT_SIZE or text.p[0] != b"b":
        return BAD_CID
    for i in range(3):
        if not text_base32_groups(text.p + 1 + 16 * i, text.p + 9 + 16 * i, groups):
            return BAD_CID
        # Forty bits in the upper part of 64; the zeros behind them are written over by the next.
        put64(cid + 10 * i, groups[0] << 24)
        put64(cid + 10 * i + 5, groups[1] << 24)
    # 58 characters carry 290 bits: the last two end with two bits of padding, which must be zero.
    if not text_base32_groups(text.p + 49, text.p + 51, groups) or groups[1] & 3:
        return BAD_CID
    put32(cid + 30, <uint32_t> (groups[0] >> 8))
    put32(cid + 32, <uint32_t> (groups[1] >> 2))
    if cid[0] != 1 or cid[2] != 0x12 or cid[3] != 0x20 or not (cid[1] == DAG_CBOR or cid[1] == RAW):
        return BAD_CID
    return OK


cdef class CID:
    cdef uint8_t raw[36]


cdef CID make_cid(const uint8_t *cid)
