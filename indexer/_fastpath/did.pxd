"""DIDs in 16 bytes: the 15 that a did:plc names, or 15 of a SHA-256 for the few of another method, behind a tag."""

from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcmp

from indexer._fastpath.reasons cimport BAD_DID, OK
from indexer._fastpath.sha256 cimport sha256
from indexer._fastpath.span cimport Slice
from indexer._fastpath.syntax cimport is_did
from indexer._fastpath.text cimport text_base32_groups, text_base32_write

cdef enum:
    PLC_SIZE = 32  # "did:plc:" and 24 characters
    DID_KEY_PLC = 1
    DID_KEY_OTHER = 2


ctypedef struct DidKey:
    uint64_t high  # the tag in the highest byte
    uint64_t low


cdef inline bint plc_key(Slice did, DidKey *out) noexcept nogil:
    """The key of a did:plc; false where `did` is none."""
    cdef uint64_t ab[2]
    cdef uint64_t bc[2]
    if did.n != PLC_SIZE or memcmp(did.p, <const char *> b"did:plc:", 8) != 0:
        return False
    if not (text_base32_groups(did.p + 8, did.p + 16, ab) and text_base32_groups(did.p + 16, did.p + 24, bc)):
        return False
    # 120 bits in three groups of 40: 56 of them beside the tag, 64 below.
    out.high = (<uint64_t> DID_KEY_PLC << 56) | (ab[0] << 16) | (ab[1] >> 24)
    out.low = (bc[0] << 40) | bc[1]
    return True


cdef inline int did_key(Slice did, DidKey *out) noexcept nogil:
    """The key of any DID; BAD_DID for what is none by syntax. Two DIDs share a key only if SHA-256 collides in 120 bits."""
    cdef uint8_t digest[32]
    cdef uint64_t high = 0
    cdef uint64_t low = 0
    cdef int i
    if plc_key(did, out):
        return OK
    if not is_did(did):
        return BAD_DID
    sha256(did.p, did.n, digest)
    for i in range(7):
        high = (high << 8) | digest[i]
    for i in range(7, 15):
        low = (low << 8) | digest[i]
    out.high = (<uint64_t> DID_KEY_OTHER << 56) | high
    out.low = low
    return OK


cdef inline void plc_text(DidKey key, uint8_t *text) noexcept nogil:
    """Write the 32 characters of a key whose tag is DID_KEY_PLC."""
    cdef uint8_t raw[15]
    cdef const char *prefix = b"did:plc:"
    cdef int i
    for i in range(7):
        raw[i] = <uint8_t> (key.high >> (48 - 8 * i))
    for i in range(8):
        raw[7 + i] = <uint8_t> (key.low >> (56 - 8 * i))
        text[i] = <uint8_t> prefix[i]
    text_base32_write(raw, 15, text + 8)
