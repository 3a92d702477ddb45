"""Public keys: the official did:key vectors, legacy forms, and properties over random keys."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from coincurve import PrivateKey
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import IdentityError
from indexer.sync import keys

secrets = st.integers(min_value=1, max_value=2**255)


def p256_points(secret: int) -> tuple[bytes, bytes]:
    """The compressed and uncompressed public point of a P-256 secret."""
    public = ec.derive_private_key(secret, ec.SECP256R1()).public_key()
    return (
        public.public_bytes(Encoding.X962, PublicFormat.CompressedPoint),
        public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint),
    )


def k256_points(secret: int) -> tuple[bytes, bytes]:
    public = PrivateKey(secret.to_bytes(32, "big")).public_key
    return public.format(compressed=True), public.format(compressed=False)


def test_secp256k1_did_key_vectors(interop: Path) -> None:
    cases = json.loads((interop / "crypto" / "w3c_didkey_K256.json").read_text())
    assert len(cases) == 5
    for case in cases:
        point, _ = k256_points(int(case["privateKeyBytesHex"], 16))
        assert keys.parse_did_key(case["publicDidKey"]) == b"\x01" + point
        assert keys.format_did_key(b"\x01" + point) == case["publicDidKey"]


def test_p256_did_key_vectors(interop: Path) -> None:
    cases = json.loads((interop / "crypto" / "w3c_didkey_P256.json").read_text())
    assert len(cases) == 1
    for case in cases:
        secret = int.from_bytes(keys.decode_base58btc(case["privateKeyBytesBase58"]), "big")
        point, _ = p256_points(secret)
        assert keys.parse_did_key(case["publicDidKey"]) == b"\x02" + point
        assert keys.format_did_key(b"\x02" + point) == case["publicDidKey"]


@given(secrets, st.sampled_from([keys.SECP256K1, keys.P256]))
def test_every_written_form_of_a_key_is_the_same_key(secret: int, curve: int) -> None:
    compressed, uncompressed = k256_points(secret) if curve == keys.SECP256K1 else p256_points(secret)
    letter = "k" if curve == keys.SECP256K1 else "r"
    legacy = f"EcdsaSecp256{letter}1VerificationKey2019"
    codec = b"\xe7\x01" if curve == keys.SECP256K1 else b"\x80\x24"
    key = bytes([curve]) + compressed
    assert keys.parse_did_key(keys.format_did_key(key)) == key
    for point in (compressed, uncompressed, codec + compressed, codec + uncompressed):
        assert keys.parse_verification_key(legacy, "z" + keys.encode_base58btc(point)) == key
        assert keys.parse_verification_key(legacy, "f" + point.hex()) == key


@given(st.binary(max_size=80))
def test_base58_round_trip(data: bytes) -> None:
    assert keys.decode_base58btc(keys.encode_base58btc(data)) == data


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("Multikey", "zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBm"),
        ("Multikey", "Q3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme"),
        ("Multikey", "z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"),  # ed25519
        ("Multikey", "z0OIl"),
        ("Multikey", "z" + "1" * 300),
        ("Multikey", ""),
        ("EcdsaSecp256k1VerificationKey2019", "f02" + "00" * 32),
        ("EcdsaSecp256k1VerificationKey2019", "f02" + "0g" * 32),
        ("EcdsaSecp256r1VerificationKey2019", "z111"),
        ("Ed25519VerificationKey2020", "zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme"),
    ],
)
def test_what_is_no_key_is_refused(kind: str, text: str) -> None:
    with pytest.raises(IdentityError, match="expected"):
        keys.parse_verification_key(kind, text)


@given(st.text(max_size=120))
def test_arbitrary_text_never_raises_anything_else(text: str) -> None:
    for kind in ("Multikey", "EcdsaSecp256k1VerificationKey2019", "EcdsaSecp256r1VerificationKey2019"):
        try:
            key = keys.parse_verification_key(kind, text)
        except IdentityError:
            continue
        assert len(key) == keys.KEY_LENGTH
