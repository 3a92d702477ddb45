"""Service tokens: every way in which one can be wrong, with real keys; order of checks and names as the
reference.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from indexer.api import auth
from indexer.api.auth import Authenticator, Kind, Mode, audiences_of
from indexer.errors import AuthError, IdentityError, IdentityNotFound, XrpcError
from indexer.sync.signature import ORDERS

pytestmark = pytest.mark.anyio

SERVICE = "did:web:appview.example.com"
ALICE = "did:plc:ewvi7nxzyoun6zhxrhs64oiz"
MODERATION = "did:plc:ar7c4by46qjdydhdevvrndac"
TIMELINE = "app.bsky.feed.getTimeline"
PROFILE = "app.bsky.actor.getProfile"
NOW = 1_800_000_000

CURVES = {1: (ec.SECP256K1(), "ES256K"), 2: (ec.SECP256R1(), "ES256")}


class Pair:
    """A key pair of another library than the one that verifies secp256k1 signatures."""

    def __init__(self, curve: int = 1) -> None:
        kind, self.algorithm = CURVES[curve]
        self.curve = curve
        self._private = ec.generate_private_key(kind)
        point = self._private.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
        self.public = bytes([curve]) + point

    def sign(self, message: bytes, *, high: bool = False) -> bytes:
        r, s = decode_dss_signature(self._private.sign(message, ec.ECDSA(hashes.SHA256())))
        order = ORDERS[self.curve]
        if (s > order // 2) != high:
            s = order - s
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


class Directory:
    """Keys as an actor table would hold them, and the current ones behind it."""

    def __init__(self) -> None:
        self.stored: dict[tuple[str, str], bytes | None] = {}
        self.current: dict[tuple[str, str], bytes | None] = {}
        self.asked: list[bool] = []
        self.down = False

    async def signing_key(self, did: str, fragment: str, *, refresh: bool) -> bytes | None:
        self.asked.append(refresh)
        if self.down:
            raise IdentityError("the directory is down")
        if (did, fragment) not in self.stored:
            raise IdentityNotFound(did)
        if refresh:
            return self.current.get((did, fragment), self.stored[did, fragment])
        return self.stored[did, fragment]


KEY, P256_KEY, STRANGER, LABEL_KEY = Pair(), Pair(2), Pair(), Pair()


@pytest.fixture
def directory() -> Directory:
    keys = Directory()
    keys.stored = {
        (ALICE, "atproto"): KEY.public,
        (ALICE, "atproto_label"): LABEL_KEY.public,
        (MODERATION, "atproto_label"): LABEL_KEY.public,
        ("did:web:p256.example.com", "atproto"): P256_KEY.public,
        ("did:web:keyless.example.com", "atproto"): None,
    }
    return keys


@pytest.fixture
def authenticator(directory: Directory) -> Authenticator:
    return Authenticator(
        directory,
        audiences=audiences_of(SERVICE),
        admin_passwords=["first", "se:cond"],
        moderation_service=MODERATION,
        clock=lambda: NOW,
    )


def encoded(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def token(
    key: Pair = KEY, header: Mapping[str, object] | None = None, *, high: bool = False, **claims: Any
) -> str:
    """A right token for TIMELINE of ALICE, with claims changed; a claim of None is left out."""
    base = {"iat": NOW, "iss": ALICE, "aud": SERVICE, "exp": NOW + 60, "lxm": TIMELINE, "jti": "1f"}
    payload = {name: value for name, value in (base | claims).items() if value is not None}
    signed = f"{encoded({'typ': 'JWT', 'alg': key.algorithm} | dict(header or {}))}.{encoded(payload)}"
    return f"{signed}.{encoded(key.sign(signed.encode(), high=high))}"


def bearer(text: str) -> dict[str, str]:
    return {"authorization": f"Bearer {text}"}


def basic(user: str, password: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


async def refusal(
    authenticator: Authenticator,
    headers: Mapping[str, str],
    method: str = TIMELINE,
    mode: Mode = Mode.STANDARD,
) -> str:
    with pytest.raises(AuthError) as caught:
        await authenticator.authenticate(headers, method, mode)
    assert caught.value.status == 401
    return caught.value.error


@pytest.mark.parametrize("mode", [mode for mode in Mode if mode not in (Mode.ROLE, Mode.ROLE_OR_MODERATION)])
@pytest.mark.parametrize("high", [False, True])
async def test_a_right_token(authenticator: Authenticator, mode: Mode, high: bool) -> None:
    credentials = await authenticator.authenticate(bearer(token(high=high)), TIMELINE, mode)
    assert (credentials.kind, credentials.viewer, credentials.audience) == (Kind.ACCOUNT, ALICE, SERVICE)
    assert not credentials.sees_takedowns


async def test_a_p256_token_and_one_with_the_service_fragment(authenticator: Authenticator) -> None:
    text = token(P256_KEY, iss="did:web:p256.example.com", aud=f"{SERVICE}#bsky_appview")
    credentials = await authenticator.authenticate(bearer(text), TIMELINE, Mode.STANDARD)
    assert credentials.viewer == "did:web:p256.example.com"


async def test_the_fragment_is_refused_where_the_operator_wants_it_as_the_reference(
    directory: Directory,
) -> None:
    strict = Authenticator(directory, audiences=audiences_of(SERVICE, with_fragment=False), clock=lambda: NOW)
    assert await refusal(strict, bearer(token(aud=f"{SERVICE}#bsky_appview"))) == "BadJwtAudience"


def changed_payload() -> str:
    head, payload, signature = token().split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return f"{head}.{encoded(claims | {'jti': 'x'})}.{signature}"


WRONG: dict[str, tuple[Callable[[], str], str]] = {
    "expired": (lambda: token(exp=NOW - 1), "JwtExpired"),
    "no exp": (lambda: token(exp=None), "BadJwt"),
    "exp is text": (lambda: token(exp="soon"), "BadJwt"),
    "exp is a boolean": (lambda: token(exp=True), "BadJwt"),
    "no iss": (lambda: token(iss=None), "BadJwt"),
    "no aud": (lambda: token(aud=None), "BadJwt"),
    "lxm is a number": (lambda: token(lxm=7), "BadJwt"),
    "signed by another key": (lambda: token(STRANGER), "BadJwtSignature"),
    "payload changed after signing": (changed_payload, "BadJwtSignature"),
    "lxm of another method": (lambda: token(lxm="app.bsky.feed.getFeedSkeleton"), "BadJwtLexiconMethod"),
    "no lxm": (lambda: token(lxm=None), "BadJwtLexiconMethod"),
    "aud of another service": (lambda: token(aud="did:web:other.example"), "BadJwtAudience"),
    "aud with another fragment": (lambda: token(aud=SERVICE + "#other"), "BadJwtAudience"),
    "unknown iss": (lambda: token(iss="did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"), "AuthenticationRequired"),
    "iss without a key": (lambda: token(iss="did:web:keyless.example.com"), "AuthenticationRequired"),
    "iss not a did": (lambda: token(iss="someone.test"), "BadJwtIss"),
    "iss empty": (lambda: token(iss=""), "BadJwtIss"),
    "iss with an empty fragment": (lambda: token(iss=ALICE + "#"), "BadJwtIss"),
    "iss with two fragments": (lambda: token(iss=ALICE + "#a#b"), "BadJwtIss"),
    "alg none": (lambda: token(header={"alg": "none"}).rpartition(".")[0] + ".", "BadJwtSignature"),
    "alg HS256": (lambda: token(header={"alg": "HS256"}), "BadJwtSignature"),
    "alg of the other curve": (lambda: token(header={"alg": "ES256"}), "BadJwtSignature"),
    "alg is a number": (lambda: token(header={"alg": 7}), "BadJwt"),
    "typ at+jwt": (lambda: token(header={"typ": "at+jwt"}), "InvalidToken"),
    "typ refresh+jwt": (lambda: token(header={"typ": "refresh+jwt"}), "BadJwtType"),
    "typ dpop+jwt": (lambda: token(header={"typ": "dpop+jwt"}), "BadJwtType"),
    "two parts": (lambda: token().rpartition(".")[0], "BadJwt"),
    "four parts": (lambda: token() + ".x", "BadJwt"),
    "not a jwt": (lambda: "abc", "BadJwt"),
    "not base64": (lambda: "!.!.!", "BadJwt"),
    "not an object": (lambda: ".".join([encoded([1])] * 3), "BadJwt"),
    "not ascii": (lambda: "é.é.é", "BadJwt"),
    "too long": (lambda: token(jti="x" * 9000), "BadJwt"),
    "signature not base64": (lambda: token().rpartition(".")[0] + ".!", "BadJwtSignature"),
    "signature cut": (lambda: token()[:-4], "BadJwtSignature"),
    "label key for an account": (lambda: token(LABEL_KEY), "BadJwtSignature"),
    "account key for a labeler": (lambda: token(iss=ALICE + "#atproto_labeler"), "BadJwtSignature"),
}


@pytest.mark.parametrize("mode", [Mode.STANDARD, Mode.STANDARD_OPTIONAL, Mode.OPTIONAL_STANDARD_OR_ROLE])
@pytest.mark.parametrize("name", WRONG)
async def test_a_wrong_token_is_refused_by_name(authenticator: Authenticator, name: str, mode: Mode) -> None:
    make, expected = WRONG[name]
    assert await refusal(authenticator, bearer(make()), mode=mode) == expected
    # And it stays wrong: no refusal is remembered as a success.
    assert await refusal(authenticator, bearer(make()), mode=mode) == expected


@pytest.mark.parametrize(
    ("headers", "mode", "expected"),
    [
        ({}, Mode.STANDARD, "AuthMissing"),
        ({"authorization": "Bearer"}, Mode.STANDARD, "AuthMissing"),
        ({"authorization": "DPoP abc"}, Mode.STANDARD, "AuthMissing"),
        ({"authorization": "Bearer "}, Mode.STANDARD, "MissingJwt"),
        (basic("admin", "wrong"), Mode.STANDARD, "AuthenticationRequired"),
        (basic("admin", "first"), Mode.STANDARD, "AuthenticationRequired"),
        (basic("admin", "wrong") | {"appview-as-did": ALICE}, Mode.STANDARD, "AuthenticationRequired"),
        (basic("admin", "wrong"), Mode.STANDARD_OPTIONAL, "AuthenticationRequired"),
        (basic("admin", "wrong"), Mode.OPTIONAL_STANDARD_OR_ROLE, "AuthenticationRequired"),
        (basic("root", "first"), Mode.ROLE, "AuthenticationRequired"),
        ({}, Mode.ROLE, "AuthenticationRequired"),
        ({"authorization": "Basic ###"}, Mode.ROLE, "AuthenticationRequired"),
        (bearer(token()), Mode.ROLE, "AuthenticationRequired"),
        (bearer(token()), Mode.ROLE_OR_MODERATION, "UntrustedIss"),
    ],
)
async def test_other_headers(
    authenticator: Authenticator, headers: Mapping[str, str], mode: Mode, expected: str
) -> None:
    assert await refusal(authenticator, headers, mode=mode) == expected


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer"}, {"authorization": "DPoP abc"}])
@pytest.mark.parametrize("mode", [Mode.STANDARD_OPTIONAL, Mode.OPTIONAL_STANDARD_OR_ROLE])
async def test_nobody(authenticator: Authenticator, headers: Mapping[str, str], mode: Mode) -> None:
    assert await authenticator.authenticate(headers, PROFILE, mode) is auth.NOBODY


@pytest.mark.parametrize("password", ["first", "se:cond"])
@pytest.mark.parametrize(
    "mode", [Mode.ROLE, Mode.STANDARD_OR_ROLE, Mode.OPTIONAL_STANDARD_OR_ROLE, Mode.ROLE_OR_MODERATION]
)
async def test_the_operator(authenticator: Authenticator, password: str, mode: Mode) -> None:
    credentials = await authenticator.authenticate(basic("admin", password), PROFILE, mode)
    assert credentials.kind is Kind.OPERATOR
    assert credentials.sees_takedowns


async def test_the_operator_sees_as_an_account(authenticator: Authenticator) -> None:
    headers = basic("admin", "first") | {"appview-as-did": ALICE}
    assert (await authenticator.authenticate(headers, TIMELINE, Mode.STANDARD)).viewer == ALICE


@pytest.mark.parametrize("passwords", [[], [""]])
async def test_without_a_password_nobody_is_the_operator(directory: Directory, passwords: list[str]) -> None:
    closed = Authenticator(directory, audiences=[SERVICE], admin_passwords=passwords)
    for password in ("", "first", "None"):
        assert await refusal(closed, basic("admin", password), mode=Mode.ROLE) == "AuthenticationRequired"


async def test_the_moderation_service(authenticator: Authenticator) -> None:
    method = "com.atproto.admin.updateSubjectStatus"
    text = token(LABEL_KEY, iss=MODERATION + "#atproto_labeler", lxm=method)
    credentials = await authenticator.authenticate(bearer(text), method, Mode.ROLE_OR_MODERATION)
    assert credentials.kind is Kind.MODERATION
    assert credentials.sees_takedowns
    # A labeler that does not name the method is let through; any other issuer is not.
    unnamed = token(LABEL_KEY, iss=MODERATION + "#atproto_labeler", lxm=None)
    assert (await authenticator.authenticate(bearer(unnamed), method, Mode.ROLE_OR_MODERATION)).is_moderator


@pytest.mark.parametrize(
    ("method", "lxm", "audience", "right"),
    [
        ("app.bsky.feed.getPosts", "chat.bsky.convo.getMessages", SERVICE, True),
        ("app.bsky.actor.getProfiles", "chat.bsky.convo.listConvos", SERVICE, True),
        ("app.bsky.actor.getProfile", "chat.bsky.convo.listConvos", SERVICE, False),
        ("app.bsky.feed.getFeed", "app.bsky.feed.getFeedSkeleton", "did:web:feed.example.com", True),
        ("app.bsky.feed.getFeed", "app.bsky.feed.getFeed", SERVICE, True),
        ("app.bsky.feed.getFeed", None, SERVICE, False),
        ("app.bsky.feed.getPosts", None, SERVICE, False),
        ("app.bsky.feed.getPosts", "app.bsky.feed.getPosts", "did:web:feed.example.com", False),
    ],
)
async def test_methods_with_rules_of_their_own(
    authenticator: Authenticator, method: str, lxm: str | None, audience: str, right: bool
) -> None:
    headers = bearer(token(lxm=lxm, aud=audience))
    if right:
        assert (await authenticator.authenticate(headers, method, Mode.STANDARD_OPTIONAL)).viewer == ALICE
    else:
        assert (await refusal(authenticator, headers, method)).startswith("BadJwt")


async def test_a_changed_key_is_asked_for_once(authenticator: Authenticator, directory: Directory) -> None:
    rotated = Pair(2)
    directory.current[ALICE, "atproto"] = rotated.public
    assert (await authenticator.authenticate(bearer(token(rotated)), TIMELINE, Mode.STANDARD)).viewer == ALICE
    assert directory.asked == [False, True]
    directory.asked.clear()
    assert await refusal(authenticator, bearer(token(STRANGER))) == "BadJwtSignature"
    assert directory.asked == [False, True]


async def test_a_verified_token_is_remembered_until_it_expires(directory: Directory) -> None:
    now = float(NOW)
    authenticator = Authenticator(directory, audiences=[SERVICE], clock=lambda: now)
    long, short = bearer(token(exp=NOW + 10**9)), bearer(token(exp=NOW + 30))
    for headers in (long, short, long, short):
        await authenticator.authenticate(headers, TIMELINE, Mode.STANDARD)
    assert directory.asked == [False, False]
    # What was verified is the signature: the method is still checked each time.
    assert await refusal(authenticator, long, PROFILE) == "BadJwtLexiconMethod"
    now += 31
    assert await refusal(authenticator, short) == "JwtExpired"
    now += 30
    directory.stored[ALICE, "atproto"] = STRANGER.public
    assert await refusal(authenticator, long) == "BadJwtSignature"


async def test_the_memory_of_tokens_is_bounded(
    authenticator: Authenticator, directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "REMEMBERED_TOKENS", 3)
    tokens = [token(jti=str(number)) for number in range(5)]
    for text in [*tokens, tokens[-1], tokens[0]]:
        await authenticator.authenticate(bearer(text), TIMELINE, Mode.STANDARD)
    assert len(directory.asked) == 6


async def test_an_unreachable_directory_is_not_the_callers_fault(
    authenticator: Authenticator, directory: Directory
) -> None:
    directory.down = True
    with pytest.raises(XrpcError) as caught:
        await authenticator.authenticate(bearer(token()), TIMELINE, Mode.STANDARD)
    assert (caught.value.status, caught.value.error) == (502, "UpstreamFailure")


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: f"{encoded(raw)}.{encoded(raw)}.x"))
def test_arbitrary_text_is_refused_as_a_bad_token(text: str) -> None:
    with pytest.raises(AuthError):
        auth._parse(text)
