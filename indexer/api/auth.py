"""Who sends a request: service tokens of accounts, the operator's password, or nobody.

Owns: the Authorization header's rules, with the error names and the order of checks of the reference
(xrpc-server's verifyJwt under the AppView's auth verifier): which algorithm, type, audience, method and
issuer a token may carry, when its key is asked for anew, and how long a verified token may be remembered.
Knows no web framework and no database: headers come as a mapping with lower-case names, keys from a
`SigningKeys`.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, NoReturn, Protocol

import orjson

from indexer._fastpath.syntax import valid_did
from indexer.errors import AuthError, IdentityError, IdentityNotFound, XrpcError
from indexer.sync.did_document import LABEL_KEY, SIGNING_KEY
from indexer.sync.keys import P256, SECP256K1
from indexer.sync.signature import verify

APPVIEW_FRAGMENT = "#bsky_appview"
LABELER_FRAGMENT = "#atproto_labeler"

MAX_TOKEN_LENGTH = 8192
REMEMBERED_TOKENS = 8192
REMEMBERED_LENGTH = 1024
"""Longer tokens are verified each time, so that the memory of verified tokens stays below 16 MB."""

REMEMBERED_SECONDS = 60.0
"""A verified token is believed this long at most, so that a withdrawn key ends even a token that expires in
years.
"""

_CURVES = {"ES256K": SECP256K1, "ES256": P256}

_REFUSED_TYPES = frozenset(("refresh+jwt", "dpop+jwt"))
_ACCESS_TOKEN = "at+jwt"


class Mode(Enum):
    """Who may call a method."""

    STANDARD = "standard"
    """An account; nobody else."""
    STANDARD_OPTIONAL = "standardOptional"
    """An account or nobody."""
    ROLE = "role"
    """The operator, by password."""
    STANDARD_OR_ROLE = "standardOrRole"
    """An account or the operator."""
    OPTIONAL_STANDARD_OR_ROLE = "optionalStandardOrRole"
    """An account, the operator or nobody."""
    ROLE_OR_MODERATION = "roleOrModService"
    """The operator or the moderation service, by its own service token."""


class Kind(Enum):
    """What kind of caller was recognized."""

    NOBODY = "none"
    ACCOUNT = "standard"
    OPERATOR = "role"
    MODERATION = "mod_service"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A recognized caller.

    `viewer` is the account for which views are made: the token's issuer for Kind.ACCOUNT, else None.
    `sees_takedowns` tells whether taken-down content is shown, `is_moderator` whether the moderation service
    asks.
    """

    kind: Kind
    viewer: str | None = None
    audience: str | None = None
    sees_takedowns: bool = False
    is_moderator: bool = False


NOBODY = Credentials(Kind.NOBODY)
OPERATOR = Credentials(Kind.OPERATOR, sees_takedowns=True)


class SigningKeys(Protocol):
    """Where the keys of issuers come from."""

    async def signing_key(self, did: str, fragment: str, *, refresh: bool) -> bytes | None:
        """The 34-byte key under `fragment` in the DID document of `did`, None if the document has none.

        `refresh` asks past every cache (the source may still limit how often). Raises IdentityNotFound if the
        DID does not exist, another IdentityError if that cannot be known now.
        """
        ...


class _Token(NamedTuple):
    issuer: str
    audience: str
    method: str | None
    expires: float


def _chat_too(own: str) -> Callable[[str | None], bool]:
    return lambda lxm: lxm == own or (lxm is not None and lxm.startswith("chat.bsky."))


_METHOD_RULES: dict[str, Callable[[str | None], bool]] = {
    "app.bsky.actor.getProfiles": _chat_too("app.bsky.actor.getProfiles"),
    "app.bsky.feed.getPosts": _chat_too("app.bsky.feed.getPosts"),
    "app.bsky.feed.getFeed": lambda lxm: lxm in ("app.bsky.feed.getFeed", "app.bsky.feed.getFeedSkeleton"),
}
"""Methods that accept tokens made for others: the chat service asks with its callers' tokens, and a feed's
token is passed on to the feed generator.
"""

_ANY_AUDIENCE = frozenset(("app.bsky.feed.getFeed",))
"""Methods whose token is for somebody else: the feed generator checks the audience."""


def audiences_of(
    service_did: str, *, with_fragment: bool = True, others: Collection[str] = ()
) -> frozenset[str]:
    """The audiences that tokens for this service may carry.

    The service's own DID, also with `#bsky_appview` if `with_fragment` (the form that newer PDSes name a
    service by; the reference refuses it), and the operator's other names.
    """
    own = {service_did, service_did + APPVIEW_FRAGMENT} if with_fragment else {service_did}
    return frozenset(own.union(others))


class Authenticator:
    """Recognizes callers. One per process; not bound to an event loop."""

    def __init__(
        self,
        keys: SigningKeys,
        *,
        audiences: Collection[str],
        admin_passwords: Collection[str] = (),
        moderation_service: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`audiences`: see audiences_of. Without `admin_passwords` nobody is the operator. `clock`: seconds
        since 1970.
        """
        self._keys = keys
        self._audiences = frozenset(audiences)
        self._passwords = tuple(password.encode() for password in admin_passwords if password)
        self._moderation = moderation_service
        self._clock = clock
        self._remembered: OrderedDict[str, tuple[_Token, float]] = OrderedDict()

    async def authenticate(self, headers: Mapping[str, str], method: str, mode: Mode) -> Credentials:
        """The caller of `method` (an NSID) by the request's headers (names in lower case).

        Raises AuthError (401) with the reference's error names: AuthMissing, BadJwt, BadJwtType, JwtExpired,
        BadJwtAudience, BadJwtLexiconMethod, BadJwtIss, BadJwtSignature, UntrustedIss, InvalidToken,
        MissingJwt, AuthenticationRequired; XrpcError 502 UpstreamFailure where the issuer's key cannot be
        fetched now.
        """
        header = headers.get("authorization", "")
        bearer = header.startswith("Bearer ")
        match mode:
            case Mode.STANDARD | Mode.STANDARD_OPTIONAL:
                return await self._account(headers, header, method, mode is Mode.STANDARD_OPTIONAL)
            case Mode.STANDARD_OR_ROLE | Mode.OPTIONAL_STANDARD_OR_ROLE if bearer:
                return await self._account(headers, header, method, False)
            case Mode.OPTIONAL_STANDARD_OR_ROLE if _basic(header) is None:
                return NOBODY
            case Mode.ROLE_OR_MODERATION if bearer:
                return await self._moderation_service(header, method)
        if not self._is_operator(header):
            refuse("AuthenticationRequired", "Authentication Required")
        return OPERATOR

    async def _account(
        self, headers: Mapping[str, str], header: str, method: str, optional: bool
    ) -> Credentials:
        if header.startswith("Basic "):
            return self._operator_as_account(headers, header)
        if not header.startswith("Bearer "):
            if optional:
                return NOBODY
            refuse("AuthMissing", "Authentication Required")
        token = await self._verified(header[len("Bearer ") :].strip(), None, None)
        self._check_method(token, method)
        if token.audience not in self._audiences and method not in _ANY_AUDIENCE:
            refuse("BadJwtAudience", f"jwt audience does not match service did: got {token.audience[:200]}")
        moderator = self._is_moderation(token.issuer)
        return Credentials(Kind.ACCOUNT, token.issuer, token.audience, moderator, moderator)

    async def _moderation_service(self, header: str, method: str) -> Credentials:
        token = await self._verified(header[len("Bearer ") :].strip(), self._audiences, self._is_moderation)
        self._check_method(token, method)
        return Credentials(Kind.MODERATION, None, token.audience, True, True)

    def _operator_as_account(self, headers: Mapping[str, str], header: str) -> Credentials:
        """The operator may look through an account's eyes: Basic and an `appview-as-did` header."""
        viewer = headers.get("appview-as-did", "")
        if not valid_did(viewer):
            refuse("AuthenticationRequired", "bad issuer")
        if not self._is_operator(header):
            refuse("AuthenticationRequired", "bad credentials")
        return Credentials(Kind.ACCOUNT, viewer)

    def _is_moderation(self, issuer: str) -> bool:
        return self._moderation is not None and issuer in (
            self._moderation,
            self._moderation + LABELER_FRAGMENT,
        )

    def _is_operator(self, header: str) -> bool:
        given = _basic(header)
        if given is None or given[0] != "admin":
            return False
        password = given[1].encode()
        # Every password is compared, in constant time: an early hit must not show in the answer's timing.
        matches = [hmac.compare_digest(password, wanted) for wanted in self._passwords]
        return any(matches)

    def _check_method(self, token: _Token, method: str) -> None:
        # Labelers that do not set lxm yet are let through, as the reference does.
        if token.method is None and token.issuer.endswith(LABELER_FRAGMENT):
            return
        rule = _METHOD_RULES.get(method)
        if not (token.method == method if rule is None else rule(token.method)):
            got = "missing" if token.method is None else "bad"
            refuse("BadJwtLexiconMethod", f'{got} jwt lexicon method ("lxm"). must match: {method}')

    async def _verified(
        self, text: str, audiences: Collection[str] | None, trusted: Callable[[str], bool] | None
    ) -> _Token:
        """The claims of a token whose type, expiry, issuer and signature are right."""
        now = self._clock()
        remembered = self._remembered.get(text)
        if remembered is not None and now < remembered[1]:
            self._remembered.move_to_end(text)
            token = remembered[0]
            _check_audience_and_trust(token, audiences, trusted)
            return token
        algorithm, token, signed, signature = _parse(text)
        if now > token.expires:
            refuse("JwtExpired", "jwt expired")
        _check_audience_and_trust(token, audiences, None)
        did, _, service = token.issuer.partition("#")
        if not valid_did(did) or ("#" in token.issuer and (not service or "#" in service)):
            refuse("BadJwtIss", f"jwt iss is not a valid did: got {token.issuer[:200]!r}")
        _check_audience_and_trust(token, None, trusted)
        await self._check_signature(token.issuer, algorithm, signed, signature)
        self._remember(text, token, now)
        return token

    async def _check_signature(self, issuer: str, algorithm: str, signed: bytes, signature: bytes) -> None:
        curve = _CURVES.get(algorithm)
        if curve is None:
            refuse(
                "BadJwtSignature",
                f"could not verify jwt signature: expected ES256K or ES256, got {algorithm[:40]}",
            )
        did, _, service = issuer.partition("#")
        fragment = LABEL_KEY if service == LABELER_FRAGMENT[1:] else SIGNING_KEY
        key = await self._key(did, fragment, refresh=False)
        if _signed_by(key, curve, signed, signature):
            return
        # The key may have changed since it was stored: ask for it anew, once.
        fresh = await self._key(did, fragment, refresh=True)
        if fresh == key or not _signed_by(fresh, curve, signed, signature):
            refuse("BadJwtSignature", "jwt signature does not match jwt issuer")

    async def _key(self, did: str, fragment: str, *, refresh: bool) -> bytes:
        try:
            key = await self._keys.signing_key(did, fragment, refresh=refresh)
        except IdentityNotFound as error:
            raise AuthError("AuthenticationRequired", "identity unknown") from error
        except IdentityError as error:
            if refresh:
                # We do hold a key, and this token was not made with it.
                raise AuthError("BadJwtSignature", "jwt signature does not match jwt issuer") from error
            raise XrpcError(502, "UpstreamFailure", f"could not resolve the identity of {did}") from error
        if key is None:
            refuse("AuthenticationRequired", "missing or bad key")
        return key

    def _remember(self, text: str, token: _Token, now: float) -> None:
        if len(text) > REMEMBERED_LENGTH:
            return
        self._remembered[text] = (token, min(token.expires, now + REMEMBERED_SECONDS))
        self._remembered.move_to_end(text)
        if len(self._remembered) > REMEMBERED_TOKENS:
            self._remembered.popitem(last=False)


def refuse(error: str, message: str) -> NoReturn:
    """Raise AuthError: the request is answered 401 {error, message}."""
    raise AuthError(error, message)


def _check_audience_and_trust(
    token: _Token, audiences: Collection[str] | None, trusted: Callable[[str], bool] | None
) -> None:
    if audiences is not None and token.audience not in audiences:
        refuse("BadJwtAudience", "jwt audience does not match service did")
    if trusted is not None and not trusted(token.issuer):
        refuse("UntrustedIss", "Untrusted issuer")


def _signed_by(key: bytes, curve: int, signed: bytes, signature: bytes) -> bool:
    # The reference accepts a high S in tokens (only commits must be low-S).
    return key[0] == curve and verify(key, signed, signature, require_low_s=False)


def _parse(text: str) -> tuple[str, _Token, bytes, bytes]:
    """(alg, claims, signed bytes, signature) of a compact JWT."""
    if not text:
        refuse("MissingJwt", "missing jwt")
    parts = text.split(".") if len(text) <= MAX_TOKEN_LENGTH and text.isascii() else []
    if len(parts) != 3:
        refuse("BadJwt", "poorly formatted jwt")
    header, payload = _json_object(parts[0]), _json_object(parts[1])
    algorithm, kind = header.get("alg"), header.get("typ")
    if not isinstance(algorithm, str):
        refuse("BadJwt", "poorly formatted jwt")
    if kind == _ACCESS_TOKEN:
        refuse("InvalidToken", "Malformed token")
    if kind in _REFUSED_TYPES:
        refuse("BadJwtType", f'Invalid jwt type "{kind}"')
    issuer, audience, expires = payload.get("iss"), payload.get("aud"), payload.get("exp")
    method, nonce = payload.get("lxm"), payload.get("nonce")
    if (
        not isinstance(issuer, str)
        or not isinstance(audience, str)
        or not isinstance(expires, (int, float))
        or isinstance(expires, bool)
        or (method and not isinstance(method, str))
        or (nonce and not isinstance(nonce, str))
    ):
        refuse("BadJwt", "poorly formatted jwt")
    try:
        signature = _decode(parts[2])
    except ValueError:
        refuse("BadJwtSignature", "could not verify jwt signature")
    signed = f"{parts[0]}.{parts[1]}".encode("ascii")
    claims = _Token(issuer, audience, method if isinstance(method, str) else None, float(expires))
    return algorithm, claims, signed, signature


def _json_object(part: str) -> dict[str, object]:
    try:
        value = orjson.loads(_decode(part))
    except ValueError:
        refuse("BadJwt", "poorly formatted jwt")
    if not isinstance(value, dict):
        refuse("BadJwt", "poorly formatted jwt")
    return value


def _decode(part: str) -> bytes:
    """base64url with or without padding; ValueError for anything else."""
    body = part.rstrip("=")
    return base64.b64decode(body + "=" * (-len(body) % 4), b"-_", validate=True)


def _basic(header: str) -> tuple[str, str] | None:
    """(user, password) of a Basic header, None if it is none."""
    if not header.startswith("Basic "):
        return None
    try:
        text = base64.b64decode(header[len("Basic ") :].strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    user, _, password = text.partition(":")
    return (user, password) if user and password else None
