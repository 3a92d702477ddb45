"""Signatures: the official fixtures and properties over random keys, with two other signers as oracles."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import pytest
from coincurve import PrivateKey
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import VerificationError
from indexer.sync import keys
from indexer.sync.signature import ORDERS, verify, verify_digest

CURVES = {keys.SECP256K1: ec.SECP256K1(), keys.P256: ec.SECP256R1()}


def signed(curve: int, secret: int, message: bytes) -> tuple[bytes, bytes, bytes]:
    """The 34-byte key, the low-S and the high-S signature of `message`, made by another library."""
    private = ec.derive_private_key(secret, CURVES[curve])
    point = private.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    r, s = decode_dss_signature(private.sign(message, ec.ECDSA(hashes.SHA256())))
    low, high = sorted((s, ORDERS[curve] - s))
    front = r.to_bytes(32, "big")
    return bytes([curve]) + point, front + low.to_bytes(32, "big"), front + high.to_bytes(32, "big")


def test_official_fixtures(interop: Path) -> None:
    cases = json.loads((interop / "crypto" / "signature-fixtures.json").read_text())
    assert len(cases) == 6
    for case in cases:
        message = base64.b64decode(case["messageBase64"] + "==")
        signature = base64.b64decode(case["signatureBase64"] + "==")
        key = keys.parse_did_key(case["publicKeyDid"])
        assert keys.parse_verification_key(case["didDocSuite"], case["publicKeyMultibase"]) == key
        assert verify(key, message, signature) is case["validSignature"], case["comment"]
        if "high-s" in case["tags"]:
            assert verify(key, message, signature, require_low_s=False), case["comment"]


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([keys.SECP256K1, keys.P256]),
    st.integers(min_value=1, max_value=2**255),
    st.binary(max_size=100),
    st.integers(min_value=0, max_value=64 * 8 - 1),
)
def test_only_the_low_unchanged_signature_verifies(curve: int, secret: int, message: bytes, bit: int) -> None:
    key, low, high = signed(curve, secret, message)
    assert verify(key, message, low)
    assert verify_digest(key, hashlib.sha256(message).digest(), low)
    assert not verify(key, message, high)
    assert verify(key, message, high, require_low_s=False)
    assert not verify(key, message + b"x", low)
    changed = bytearray(low)
    changed[bit // 8] ^= 1 << bit % 8
    assert not verify(key, message, bytes(changed))
    assert not verify(key, message, bytes(changed), require_low_s=False)


@given(st.binary(max_size=80))
def test_arbitrary_bytes_are_no_signature(data: bytes) -> None:
    key = b"\x01" + PrivateKey(b"\x07" * 32).public_key.format(compressed=True)
    assert not verify(key, b"message", data)


@pytest.mark.parametrize("key", [b"", b"\x03" + b"\x02" * 33, b"\x01" + b"\x05" * 33, b"\x01\x02"])
def test_what_is_no_key_is_refused(key: bytes) -> None:
    with pytest.raises(VerificationError, match="expected"):
        verify(key, b"", bytes(64))
