"""Verification of one signature at a time: service tokens, labels, repository exports, a commit after a key refresh.

Owns: what is signed is a SHA-256 digest, and where a high S is accepted. The firehose's batches are verified in
`_fastpath`, whose check of one signature this is, over the same 34-byte keys (see keys.py).
"""

from __future__ import annotations

import hashlib

from indexer._fastpath import signatures
from indexer.sync.keys import P256, SECP256K1

SIGNATURE_LENGTH = 64

ORDERS = {
    SECP256K1: 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141,
    P256: 0xFFFFFFFF_00000000_FFFFFFFF_FFFFFFFF_BCE6FAAD_A7179E84_F3B9CAC2_FC632551,
}
"""Order of each curve's group: an S above half of it has a smaller twin, and only the smaller one is
accepted.
"""


def verify_digest(key: bytes, digest: bytes, signature: bytes, *, require_low_s: bool = True) -> bool:
    """Whether `signature` (64 bytes, r||s) over a 32-byte SHA-256 `digest` was made by the owner of `key`.

    Any signature of another length (DER, for one) is refused, and so is a high S (specification "cryptography")
    unless `require_low_s` is false, as the reference does for service tokens. Raises VerificationError if `key` is
    no key.
    """
    if not require_low_s:
        signature = _with_low_s(key, signature)
    return signatures.verify(key, digest, signature)


def verify(key: bytes, message: bytes, signature: bytes, *, require_low_s: bool = True) -> bool:
    """Like verify_digest, of the message itself."""
    return verify_digest(key, hashlib.sha256(message).digest(), signature, require_low_s=require_low_s)


def _with_low_s(key: bytes, signature: bytes) -> bytes:
    """The twin with the smaller S of a signature that both have verified alike."""
    order = ORDERS.get(key[0]) if key else None
    s = int.from_bytes(signature[32:], "big")
    if order is None or len(signature) != SIGNATURE_LENGTH or not order // 2 < s < order:
        return signature
    return signature[:32] + (order - s).to_bytes(32, "big")
