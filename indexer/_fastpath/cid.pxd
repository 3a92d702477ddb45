"""CIDs: 36 binary bytes, 59 characters of base32, or (compact) the 32 bytes of their digest."""

from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy

from indexer._fastpath.reasons cimport BAD_CID, OK
from indexer._fastpath.span cimport Slice
from indexer._fastpath.text cimport text_base32_group, text_base32_write

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
    cdef uint64_t bits
    cdef int group
    if text.n != CID_TEXT_SIZE or text.p[0] != b"b":
        return BAD_CID
    for group in range(7):
        bits = text_base32_group(text.p + 1 + 8 * group)
        if bits >> 40:
            return BAD_CID
        cid[5 * group] = <uint8_t> (bits >> 32)
        cid[5 * group + 1] = <uint8_t> (bits >> 24)
        cid[5 * group + 2] = <uint8_t> (bits >> 16)
        cid[5 * group + 3] = <uint8_t> (bits >> 8)
        cid[5 * group + 4] = <uint8_t> bits
    # 58 characters carry 290 bits: the last two end with two bits of padding, which must be zero.
    bits = text_base32_group(text.p + 51)
    if bits >> 40 or bits & 3:
        return BAD_CID
    cid[35] = <uint8_t> (bits >> 2)
    if cid[0] != 1 or cid[2] != 0x12 or cid[3] != 0x20 or not (cid[1] == DAG_CBOR or cid[1] == RAW):
        return BAD_CID
    return OK


cdef class CID:
    cdef uint8_t raw[36]


cdef CID make_cid(const uint8_t *cid)
