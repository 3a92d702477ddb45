"""Signing keys of the simulated accounts.

Owns key pairs of both curves, deterministic low-S signatures in compact form, and the keys' public forms
(did:key, Multikey, and the older uncompressed multibase). Rules: cryptography specification; RFC 6979.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import Protocol

from coincurve import PublicKey
from coincurve._libsecp256k1 import ffi, lib  # type: ignore[import-not-found]
from coincurve.context import GLOBAL_CONTEXT
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

BASE58_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
K256_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def multibase58(data: bytes) -> str:
    """Base58btc with its multibase prefix `z`."""
    number = int.from_bytes(data, "big")
    digits = []
    while number:
        number, digit = divmod(number, 58)
        digits.append(BASE58_ALPHABET[digit])
    zeros = len(data) - len(data.lstrip(b"\0"))
    return "z" + "1" * zeros + "".join(reversed(digits))


class SigningKey(Protocol):
    """A private key of either curve."""

    algorithm: str
    """The key's name in JSON Web Tokens: ES256K or ES256."""

    codec: bytes
    """The multicodec prefix of its public form."""

    legacy_type: str
    """The verification method's type in DID documents of the older form."""

    def sign(self, message: bytes) -> bytes:
        """r and s, 64 bytes, s in the lower half, over the message's SHA-256."""
        ...

    def public_point(self, compressed: bool) -> bytes:
        """The public point in SEC 1 form: 33 bytes compressed, 65 otherwise."""
        ...


class K256Key:
    """A secp256k1 key."""

    algorithm = "ES256K"
    codec = b"\xe7\x01"
    legacy_type = "EcdsaSecp256k1VerificationKey2019"

    def __init__(self, secret: bytes) -> None:
        self.secret = secret

    def sign(self, message: bytes) -> bytes:
        return sign_k256(self.secret, hashlib.sha256(message).digest())

    def public_point(self, compressed: bool) -> bytes:
        return PublicKey.from_valid_secret(self.secret).format(compressed)


class P256Key:
    """A NIST P-256 key."""

    algorithm = "ES256"
    codec = b"\x80\x24"
    legacy_type = "EcdsaSecp256r1VerificationKey2019"

    def __init__(self, secret: bytes) -> None:
        self.secret = secret

    @cached_property
    def _private_key(self) -> ec.EllipticCurvePrivateKey:
        return ec.derive_private_key(int.from_bytes(self.secret, "big"), ec.SECP256R1())

    def sign(self, message: bytes) -> bytes:
        signature = self._private_key.sign(message, ec.ECDSA(SHA256(), deterministic_signing=True))
        r, s = decode_dss_signature(signature)
        return r.to_bytes(32, "big") + min(s, P256_ORDER - s).to_bytes(32, "big")

    def public_point(self, compressed: bool) -> bytes:
        form = PublicFormat.CompressedPoint if compressed else PublicFormat.UncompressedPoint
        return self._private_key.public_key().public_bytes(Encoding.X962, form)


def sign_k256(secret: bytes, digest: bytes) -> bytes:
    """The compact low-S signature of a SHA-256 digest.

    By libsecp256k1 itself: coincurve's PrivateKey derives the public key first, which costs as much again.
    """
    signature = ffi.new("secp256k1_ecdsa_signature *")
    compact = ffi.new("unsigned char[64]")
    if not lib.secp256k1_ecdsa_sign(GLOBAL_CONTEXT.ctx, signature, digest, secret, ffi.NULL, ffi.NULL):
        raise ValueError("the secret is not a secp256k1 scalar")
    lib.secp256k1_ecdsa_signature_serialize_compact(GLOBAL_CONTEXT.ctx, compact, signature)
    return bytes(ffi.buffer(compact))


def multikey(key: SigningKey) -> str:
    """The public key as a Multikey verification method carries it."""
    return multibase58(key.codec + key.public_point(compressed=True))


def did_key(key: SigningKey) -> str:
    """The public key as a did:key."""
    return "did:key:" + multikey(key)


def derived_key(seed: bytes, p256: bool = False) -> SigningKey:
    """The key that belongs to these seed bytes, always the same."""
    number = int.from_bytes(hashlib.sha256(b"signing key" + seed).digest(), "big")
    order = P256_ORDER if p256 else K256_ORDER
    secret = (number % (order - 1) + 1).to_bytes(32, "big")
    return P256Key(secret) if p256 else K256Key(secret)
