"""Who the simulated accounts are: DID, handle, signing key, DID document, and tokens in their name.

Owns names and keys only; nothing here knows of repositories or events. Rules: DID and handle specifications,
the service authentication of the XRPC specification.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from .clock import wall_clock_us
from .keys import SigningKey, derived_key, multibase58, multikey

DEFAULT_PDS = "http://localhost:2583"


class Identity:
    """One account's names and key, all derived from the seed bytes."""

    __slots__ = ("did", "handle", "legacy", "pds_url", "signing_key")

    def __init__(
        self, seed: bytes, handle: str, pds_url: str = DEFAULT_PDS, p256: bool = False, legacy: bool = False
    ) -> None:
        self.did = plc_did(seed)
        self.handle = handle
        self.signing_key = derived_key(seed, p256)
        self.pds_url = pds_url
        self.legacy = legacy

    def document(self) -> dict[str, Any]:
        """Its DID document."""
        return did_document(self.did, self.handle, self.signing_key, self.pds_url, self.legacy)

    def token(self, audience: str, method: str, lifetime: int = 60, now: int | None = None) -> str:
        """A service-auth JWT that lets the bearer call `method` of the service `audience` as this account."""
        return service_token(self.did, self.signing_key, audience, method, lifetime, now)


def plc_did(seed: bytes) -> str:
    """A DID in the form of did:plc."""
    return "did:plc:" + base64.b32encode(hashlib.sha256(b"did" + seed).digest()[:15]).decode().lower()


def did_document(
    did: str, handle: str, key: SigningKey, pds_url: str, legacy: bool = False
) -> dict[str, Any]:
    """The DID document as a PLC directory serves it; `legacy` chooses the older form of the key."""
    context = ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"]
    if legacy:
        context[1] = "https://w3id.org/security/suites/secp256k1-2019/v1"
    return {
        "@context": context,
        "id": did,
        "alsoKnownAs": [f"at://{handle}"],
        "verificationMethod": [
            {
                "id": f"{did}#atproto",
                "type": key.legacy_type if legacy else "Multikey",
                "controller": did,
                "publicKeyMultibase": multibase58(key.public_point(False)) if legacy else multikey(key),
            }
        ],
        "service": [
            {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": pds_url},
        ],
    }


def service_token(
    did: str, key: SigningKey, audience: str, method: str, lifetime: int = 60, now: int | None = None
) -> str:
    """A service-auth JWT of the account (seconds since 1970): what its PDS would send to an AppView."""
    issued = wall_clock_us() // 1_000_000 if now is None else now
    claims = {"iss": did, "aud": audience, "lxm": method, "iat": issued, "exp": issued + lifetime}
    claims["jti"] = hashlib.sha256(json.dumps(claims).encode()).hexdigest()[:32]
    parts = [{"typ": "JWT", "alg": key.algorithm}, claims]
    text = ".".join(_base64url(json.dumps(part, separators=(",", ":")).encode()) for part in parts)
    return f"{text}.{_base64url(key.sign(text.encode()))}"


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
