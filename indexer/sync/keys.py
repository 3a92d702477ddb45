"""Public keys of accounts in the one form that this program passes around.

A key is 34 bytes: one byte for the curve (1 = secp256k1, 2 = P-256) and the 33-byte compressed point; the
same bytes stand in actor.signing_key and are what the batch verification takes. This module parses every text
form that a DID document or a did:key uses and checks that the point lies on its curve. It knows no documents
and verifies nothing.
"""

from __future__ import annotations

import base64
import binascii

from coincurve import PublicKey
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from indexer.errors import IdentityError

SECP256K1 = 1
P256 = 2
KEY_LENGTH = 34

DID_KEY_PREFIX = "did:key:"

_CODECS = {SECP256K1: b"\xe7\x01", P256: b"\x80\x24"}
"""Multicodec prefixes, as unsigned varints: secp256k1-pub 0xe7, p256-pub 0x1200 (specification
"cryptography").
"""

_LEGACY_TYPES = {
    "EcdsaSecp256k1VerificationKey2019": SECP256K1,
    "EcdsaSecp256r1VerificationKey2019": P256,
}

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BASE58_VALUES = {character: value for value, character in enumerate(_BASE58)}

MAX_MULTIBASE_LENGTH = 256
"""Base58 decoding is quadratic; the longest key that can be right (uncompressed, base16) takes 134
characters.
"""


def decode_base58btc(text: str) -> bytes:
    """The bytes that `text` (no multibase prefix) stands for. Raises IdentityError at the first foreign
    character.
    """
    number = 0
    for position, character in enumerate(text):
        value = _BASE58_VALUES.get(character)
        if value is None:
            raise IdentityError(f"expected base58btc, got {character!r} at character {position} of {text!r}")
        number = number * 58 + value
    zeros = len(text) - len(text.lstrip("1"))
    return b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")


def encode_base58btc(data: bytes) -> str:
    """`data` as base58btc text without a multibase prefix."""
    number = int.from_bytes(data, "big")
    digits = []
    while number:
        number, digit = divmod(number, 58)
        digits.append(_BASE58[digit])
    zeros = len(data) - len(data.lstrip(b"\0"))
    return "1" * zeros + "".join(reversed(digits))


def decode_multibase(text: str) -> bytes:
    """The bytes of a multibase string: base58btc (z), base16 (f, F), base32 (b, B), base64 (m) or base64url
    (u, U).

    Raises IdentityError for another base, a foreign character or more than 256 characters.
    """
    if not 1 < len(text) <= MAX_MULTIBASE_LENGTH:
        raise IdentityError(
            f"expected a multibase string of 2 to {MAX_MULTIBASE_LENGTH} characters, got {len(text)}"
        )
    base, body = text[0], text[1:]
    if base == "z":
        return decode_base58btc(body)
    try:
        if base in "fF":
            return bytes.fromhex(body)
        if base in "bB":
            return base64.b32decode(body.upper() + "=" * (-len(body) % 8))
        if base == "m":
            return base64.b64decode(body + "=" * (-len(body) % 4), validate=True)
        if base in "uU":
            stripped = body.rstrip("=")
            return base64.b64decode(stripped + "=" * (-len(stripped) % 4), b"-_", validate=True)
    except (ValueError, binascii.Error) as error:
        raise IdentityError(f"expected multibase {base!r} text, got {text!r}: {error}") from error
    raise IdentityError(f"expected multibase z, f, b, m or u, got {base!r} in {text!r}")


def compress(curve: int, point: bytes) -> bytes:
    """The 34-byte form of a point given compressed (33 bytes) or uncompressed (65 bytes).

    Raises IdentityError where the point has another length or does not lie on the curve.
    """
    if len(point) not in (33, 65):
        raise IdentityError(f"expected a public key of 33 or 65 bytes, got {len(point)}")
    try:
        if curve == SECP256K1:
            return b"\x01" + PublicKey(point).format(compressed=True)
        if curve == P256:
            key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
            return b"\x02" + key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    except ValueError as error:
        raise IdentityError(f"expected a point on the curve, got {point.hex()}: {error}") from error
    raise IdentityError(f"expected curve {SECP256K1} or {P256}, got {curve}")


def parse_multikey(text: str) -> bytes:
    """The 34-byte key of a Multikey's publicKeyMultibase: base58btc of a codec and a compressed point."""
    if not text.startswith("z"):
        raise IdentityError(f"expected a Multikey in base58btc (z...), got {text[:64]!r}")
    data = decode_multibase(text)
    for curve, codec in _CODECS.items():
        if data.startswith(codec):
            if len(data) != len(codec) + 33:
                raise IdentityError(
                    f"expected a compressed key of 33 bytes in {text!r}, got {len(data) - len(codec)}"
                )
            return compress(curve, data[len(codec) :])
    raise IdentityError(
        f"expected a secp256k1 or P-256 Multikey, got codec bytes {data[:2].hex()} in {text!r}"
    )


def parse_did_key(text: str) -> bytes:
    """The 34-byte key of a `did:key:z...`."""
    if not text.startswith(DID_KEY_PREFIX):
        raise IdentityError(f"expected did:key:..., got {text[:64]!r}")
    return parse_multikey(text[len(DID_KEY_PREFIX) :])


def parse_verification_key(kind: str, text: str) -> bytes:
    """The 34-byte key of a verification method with `type` kind and `publicKeyMultibase` text.

    The legacy 2019 types carry the point itself, compressed or not; some documents put the multicodec before
    it all the same (PROTOCOL facts, section 8). Raises IdentityError for any other type or a malformed key.
    """
    if kind == "Multikey":
        return parse_multikey(text)
    curve = _LEGACY_TYPES.get(kind)
    if curve is None:
        known = ", ".join(("Multikey", *_LEGACY_TYPES))
        raise IdentityError(f"expected a verification method of type {known}, got {kind[:64]!r}")
    data = decode_multibase(text)
    codec = _CODECS[curve]
    if len(data) in (35, 67) and data.startswith(codec):
        data = data[len(codec) :]
    return compress(curve, data)


def format_did_key(key: bytes) -> str:
    """The did:key of a 34-byte key."""
    return f"{DID_KEY_PREFIX}z{encode_base58btc(_CODECS[key[0]] + key[1:])}"
