# cython: boundscheck=False, wraparound=False
"""Signature checks of commits and tokens.

Owns: parsing 34-byte keys (one byte curve, 33 bytes compressed point) and verifying compact `r || s` signatures over a SHA-256
digest, low-S only for both curves (cryptography specification). Refuses to know: where keys come from and what was signed.

The curve arithmetic is that of well-kept libraries. For secp256k1 the C functions of the libsecp256k1 inside coincurve are called
directly, so that a batch verifies in any thread without the GIL; libsecp256k1 itself refuses high-S. P-256 goes through
`cryptography`, one call a signature, with a bounded cache of parsed keys.
"""

from cpython.bytes cimport PyBytes_AS_STRING
from libc.stdint cimport uint8_t, uintptr_t
from libc.string cimport memcpy, memset

from coincurve._libsecp256k1 import ffi, lib
from coincurve.context import GLOBAL_CONTEXT
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from indexer.errors import VerificationError

ctypedef int (*parse_key_function)(void *, void *, const uint8_t *, size_t) noexcept nogil
ctypedef int (*parse_signature_function)(void *, void *, const uint8_t *) noexcept nogil
ctypedef int (*verify_function)(void *, const void *, const uint8_t *, const void *) noexcept nogil


cdef uintptr_t address_of(str name):
    return <uintptr_t> int(ffi.cast("uintptr_t", ffi.addressof(lib, name)))


cdef void *context = <void *> <uintptr_t> int(ffi.cast("uintptr_t", GLOBAL_CONTEXT.ctx))
cdef parse_key_function parse_key = <parse_key_function> address_of("secp256k1_ec_pubkey_parse")
cdef parse_signature_function parse_signature = (
    <parse_signature_function> address_of("secp256k1_ecdsa_signature_parse_compact"))
cdef verify_function ecdsa_verify = <verify_function> address_of("secp256k1_ecdsa_verify")

cdef object P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
cdef object P256_HALF_ORDER = P256_ORDER // 2
cdef object PREHASHED = ec.ECDSA(Prehashed(SHA256()))
cdef Py_ssize_t P256_KEYS_KEPT = 4096
cdef dict p256_keys = {}


cdef object p256_key(bytes point):
    found = p256_keys.get(point)
    if found is None:
        try:
            found = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        except ValueError as error:
            raise VerificationError(f"expected a compressed P-256 point, got {point.hex()}") from error
        while len(p256_keys) >= P256_KEYS_KEPT:
            del p256_keys[next(iter(p256_keys))]
        p256_keys[point] = found
    return found


cdef int load_key(const uint8_t *key, size_t n, PublicKey *out) except -1:
    """Parse a 34-byte key; errors: VerificationError for an unknown curve or a point that is not on it."""
    memset(out, 0, sizeof(PublicKey))
    if n != 34 or key[0] not in (SECP256K1, P256):
        raise VerificationError(f"expected a key of 34 bytes that begins with its curve (1 or 2), got {key[:n].hex()}")
    if key[0] == SECP256K1:
        if not parse_key(context, out.parsed, key + 1, 33):
            raise VerificationError(f"expected a compressed secp256k1 point, got {key[1:n].hex()}")
    else:
        p256_key(key[1:n])
        memcpy(out.parsed, key + 1, 33)
    out.curve = key[0]
    return 0


cdef bint verify_secp256k1(const PublicKey *key, const uint8_t *digest, const uint8_t *signature) noexcept nogil:
    cdef uint8_t parsed[64]
    if not parse_signature(context, parsed, signature):
        return False
    return ecdsa_verify(context, parsed, digest, key.parsed) == 1


cdef bint verify_p256(const PublicKey *key, const uint8_t *digest, const uint8_t *signature) except -1:
    r = int.from_bytes(signature[:32], "big")
    s = int.from_bytes((signature + 32)[:32], "big")
    if not (0 < r < P256_ORDER and 0 < s <= P256_HALF_ORDER):
        return False
    try:
        p256_key(key.parsed[:33]).verify(encode_dss_signature(r, s), digest[:32], PREHASHED)
    except InvalidSignature:
        return False
    return True


def verify(bytes key not None, bytes digest not None, bytes signature not None) -> bool:
    """Whether `signature` (64 bytes `r || s`) over the 32-byte `digest` was made with `key` (34 bytes: curve, compressed point).

    A signature of another length or with a high S is not valid. Errors: VerificationError for a bad key; ValueError where
    the digest is not 32 bytes.
    """
    cdef PublicKey parsed
    cdef const uint8_t *digest_bytes = <const uint8_t *> PyBytes_AS_STRING(digest)
    cdef const uint8_t *signature_bytes = <const uint8_t *> PyBytes_AS_STRING(signature)
    if len(digest) != 32:
        raise ValueError(f"expected a digest of 32 bytes, got {len(digest)}")
    load_key(<const uint8_t *> PyBytes_AS_STRING(key), <size_t> len(key), &parsed)
    if len(signature) != 64:
        return False
    if parsed.curve == SECP256K1:
        return verify_secp256k1(&parsed, digest_bytes, signature_bytes)
    return verify_p256(&parsed, digest_bytes, signature_bytes)
