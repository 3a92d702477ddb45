"""Verification of one signature at a time: service tokens, repository exports, a commit after a key refresh.

Owns: the rules of the cryptography specification (64-byte compact r||s over SHA-256, low-S for both curves)
and a bounded cache of parsed keys. The firehose's batches are verified without the GIL in `_fastpath`, by the
same rules over the same 34-byte keys (see keys.py).
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

from coincurve import PublicKey
from coincurve.ecdsa import cdata_to_der, deserialize_compact
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature

from indexer.errors import IdentityError
from indexer.sync.keys import KEY_LENGTH, P256, SECP256K1

SIGNATURE_LENGTH = 64

ORDERS = {
    SECP256K1: 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141,
    P256: 0xFFFFFFFF_00000000_FFFFFFFF_FFFFFFFF_BCE6FAAD_A7179E84_F3B9CAC2_FC632551,
}
"""Order of each curve's group: an S above half of it has a smaller twin, and only the smaller one is
accepted.
"""

PARSED_KEYS = 16_384
"""Parsed keys kept, about 0.5 KB each: decompressing a point costs a third of a secp256k1 verification."""

_PREHASHED = ec.ECDSA(Prehashed(hashes.SHA256()))


@lru_cache(maxsize=PARSED_KEYS)
def _parsed(key: bytes) -> PublicKey | ec.EllipticCurvePublicKey:
    if len(key) != KEY_LENGTH or key[0] not in ORDERS:
        raise IdentityError(
            f"expected a key of curve byte 1 or 2 and 33 bytes, got {key[:KEY_LENGTH].hex()!r}"
        )
    try:
        if key[0] == SECP256K1:
            return PublicKey(key[1:])
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key[1:])
    except ValueError as error:
        raise IdentityError(f"expected a point on the curve, got {key.hex()}: {error}") from error


def verify_digest(key: bytes, digest: bytes, signature: bytes, *, require_low_s: bool = True) -> bool:
    """Whether `signature` (64 bytes, r||s) over a 32-byte SHA-256 `digest` was made by the owner of `key`.

    Any signature of another length (DER, for one) is refused, and so is a high S unless `require_low_s` is
    false, as the reference does for service tokens. Raises IdentityError if `key` is no key.
    """
    parsed = _parsed(key)
    if len(signature) != SIGNATURE_LENGTH:
        return False
    order = ORDERS[key[0]]
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    if not 0 < r < order or not 0 < s < order:
        return False
    if s > order // 2:
        if require_low_s:
            return False
        s = order - s
        signature = signature[:32] + s.to_bytes(32, "big")
    if isinstance(parsed, PublicKey):
        return parsed.verify(cdata_to_der(deserialize_compact(signature)), digest, hasher=None)
    try:
        parsed.verify(encode_dss_signature(r, s), digest, _PREHASHED)
    except InvalidSignature:
        return False
    return True


def verify(key: bytes, message: bytes, signature: bytes, *, require_low_s: bool = True) -> bool:
    """Like verify_digest, of the message itself."""
    return verify_digest(key, hashlib.sha256(message).digest(), signature, require_low_s=require_low_s)
