"""ECDSA verification without Python objects: secp256k1 in any thread, P-256 through the `cryptography` library."""

from libc.stdint cimport uint8_t


cdef enum Curve:
    NO_CURVE = 0
    SECP256K1 = 1
    P256 = 2


ctypedef struct PublicKey:
    # secp256k1: the library's parsed key; P-256: the 33-byte compressed point, the rest zero
    uint8_t parsed[64]
    uint8_t curve


cdef int load_key(const uint8_t *key, size_t n, PublicKey *out) except -1
cdef bint verify_secp256k1(const PublicKey *key, const uint8_t *digest, const uint8_t *signature) noexcept nogil
cdef bint verify_p256(const PublicKey *key, const uint8_t *digest, const uint8_t *signature) except -1
