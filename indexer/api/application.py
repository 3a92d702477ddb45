"""Requests to answers, whatever carried them: finds the endpoint, the caller and the labelers, and words errors.

Knows no web server: a request comes as method, path, query, headers and body, an answer goes as status, headers and
body. What an endpoint does with a call is its own business.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
import orjson
import structlog

from indexer import __version__
from indexer.api.auth import NOBODY, Authenticator, Credentials
from indexer.api.endpoint import Call, Endpoint
from indexer.api.labelers import Labelers, parse_labelers
from indexer.api.openapi import describe
from indexer.api.parameters import remembered_parameters
from indexer.api.router import MethodNotImplemented, find_endpoint
from indexer.api.services import Services
from indexer.errors import InvalidRequest, StoreError, XrpcError
from indexer.hydration.rows import Version
from indexer.hydration.state import Asker
from indexer.store.reads.spelling import tid_text
from indexer.store.reads.together import Together

_JSON = "application/json; charset=utf-8"
_MAX_BODY = 100 * 1024
_GREETING = (
    "This is an AT Protocol AppView: an index of the network's app.bsky.* records.\n\n"
    "Its API is under /xrpc/, described at /openapi.json, its identity at /.well-known/did.json.\n"
)

#: Browsers may call from anywhere and read the headers that clients need (the answers are not bound to cookies).
CORS = {
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "atproto-repo-rev, atproto-content-labelers",
}
_PREFLIGHT = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "GET,HEAD,PUT,PATCH,POST,DELETE",
    "access-control-max-age": "86400",
}

log = structlog.get_logger()


class Request(NamedTuple):
    """An HTTP request. Header names are in lower case; `query` is without its question mark."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""


class Response(NamedTuple):
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes


def json_response(status: int, value: Any, headers: Mapping[str, str] | None = None) -> Response:
    return Response(status, {"content-type": _JSON, **(headers or {})}, orjson.dumps(value))


def unavailable() -> Response:
    """The answer while Postgres cannot be reached."""
    return json_response(
        503, {"error": "ServiceUnavailable", "message": "The index cannot be read now"}, CORS
    )


class Application:
    """Answers the requests of one worker."""

    def __init__(self, services: Services, authenticator: Authenticator) -> None:
        self.services = services
        self._authenticator = authenticator
        self._default_labelers = services.settings.labelers
        self._operator = frozenset(filter(None, [services.settings.moderator]))
        self._versions: Together[int, Version] = Together(self._read_versions)

    async def answer(self, request: Request) -> Response:
        """The answer to a request; never raises (a failure of ours is a 500 and a log line)."""
        headers: dict[str, str] = {}
        try:
            if request.method == "OPTIONS":
                response = self._preflight(request)
            elif request.path.startswith("/xrpc/") and request.path != "/xrpc/_health":
                response = await self._xrpc(request, headers)
            else:
                response = await self._page(request)
        except XrpcError as error:
            body = {"error": error.error, "message": error.message or error.error}
            response = json_response(error.status, body, headers)
        except StoreError as error:
            log.warning("request failed", path=request.path, reason=str(error))
            response = unavailable()
        except Exception:
            log.exception("request failed", path=request.path, query=request.query)
            response = json_response(
                500, {"error": "InternalServerError", "message": "Internal Server Error"}
            )
        response.headers.update(CORS)
        return response

    @staticmethod
    def _preflight(request: Request) -> Response:
        headers = dict(_PREFLIGHT)
        asked = request.headers.get("access-control-request-headers")
        if asked is not None:
            headers["access-control-allow-headers"] = asked
        return Response(204, headers, b"")

    # --- pages beside the API ----------------------------------------------------------------------------------------

    async def _page(self, request: Request) -> Response:
        settings = self.services.settings
        if request.path == "/":
            return Response(200, {"content-type": "text/plain; charset=utf-8"}, _GREETING.encode())
        if request.path == "/robots.txt":
            return Response(200, {"content-type": "text/plain; charset=utf-8"}, b"User-agent: *\nAllow: /\n")
        if request.path == "/xrpc/_health":
            return await self._health()
        if request.path == "/openapi.json":
            return json_response(200, describe())
        if request.path == "/.well-known/did.json":
            return json_response(
                200, did_document(settings.effective_service_did, settings.effective_public_url)
            )
        return json_response(
            404, {"error": "NotFound", "message": f"There is nothing at {request.path[:200]}"}
        )

    async def _health(self) -> Response:
        try:
            await self.services.database.rows("ping")
        except StoreError as error:
            return json_response(503, {"version": __version__, "error": str(error)})
        answer = {"version": __version__}
        cache = self.services.cache
        if cache is not None and cache.is_down:
            # answers are right without it, only slower
            answer["cache"] = cache.last_error or "Redis does not answer"
        return json_response(200, answer)

    # --- methods -----------------------------------------------------------------------------------------------------

    async def _xrpc(self, request: Request, headers: dict[str, str]) -> Response:
        nsid = request.path.removeprefix("/xrpc/").removesuffix("/")
        endpoint = find_endpoint(nsid, request.method)
        if endpoint.admin and self.services.settings.admin_password is None:
            raise MethodNotImplemented
        credentials = NOBODY
        if endpoint.auth is not None:
            credentials = await self._authenticator.authenticate(request.headers, nsid, endpoint.auth)
        params = remembered_parameters(endpoint.params, request.query)
        body = self._body(endpoint, request)
        asker, labelers = await self._asker(request, credentials)
        call = Call(params, asker, self.services, body)
        # Read first: a revision newer than the answer would make the viewer's PDS believe that the answer shows records
        # that it does not.
        revision = _revision(asker) if endpoint.repo_rev else {}
        if endpoint.rev_of_errors:
            headers.update(revision)
        try:
            value = await endpoint.answer(call)
        finally:
            if endpoint.body is not None and asker.viewer:
                await self.services.database.rows("private_version_raise", asker.viewer)
        headers.update(revision)
        if endpoint.labelers:
            headers["atproto-content-labelers"] = labelers.header()
        if value is None:
            return Response(200, headers, b"")
        return json_response(200, value, headers)

    @staticmethod
    def _body(endpoint: Endpoint[Any], request: Request) -> Any:
        if endpoint.body is None:
            return None
        if not request.body:
            raise InvalidRequest("A request body is expected but none was provided")
        if len(request.body) > _MAX_BODY:
            raise XrpcError(413, "PayloadTooLarge", "request entity too large")
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise InvalidRequest(f"Wrong request encoding (Content-Type): {kind or 'none'}")
        try:
            return msgspec.json.decode(request.body, type=endpoint.body)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise InvalidRequest(f"Input does not fit the method: {error}") from None

    async def _asker(self, request: Request, credentials: Credentials) -> tuple[Asker, Labelers]:
        labelers = parse_labelers(request.headers.get("atproto-accept-labelers"), self._default_labelers)
        known = await self.services.keys.ids_of_dids(
            [did for did in (credentials.viewer, *labelers.dids) if did is not None]
        )
        others = [did for did in labelers.dids if did not in self._default_labelers]
        if others:
            rows = await self.services.database.rows(
                "hosted_actors", [known[did] for did in others if did in known]
            )
            hosted = {row["did"] for row in rows}
            labelers = labelers.only(hosted | set(self._default_labelers))
        viewer = None
        if credentials.viewer is not None:
            viewer = known.get(credentials.viewer)
            if viewer is None:
                # A token of an account that we have not heard of yet: it follows nobody and nobody it.
                viewer = UNKNOWN_VIEWER
        version: Version | None = None
        if viewer:
            version = await self._versions.ask(viewer)
        elif viewer is None:
            version = ()
        asker = Asker(
            viewer=viewer,
            did=credentials.viewer,
            labelers=labelers.dids,
            redact=labelers.redact | self._operator,
            include_takedowns=credentials.sees_takedowns,
            skip_viewer_blocks=credentials.is_moderator and credentials.viewer is not None,
            version=version,
        )
        return asker, labelers

    async def _read_versions(self, viewers: list[int]) -> list[Version]:
        rows = await self.services.database.rows("viewer_version", viewers)
        versions = {row["id"]: (row["rev"], row["private"]) for row in rows}
        return [versions[viewer] for viewer in viewers]


def _revision(asker: Asker) -> dict[str, str]:
    """The header that tells the viewer's last indexed revision."""
    return {"atproto-repo-rev": tid_text(asker.version[0])} if asker.version and asker.version[0] else {}


#: Stands for a signed-in account that the store does not know: no row can have it.
UNKNOWN_VIEWER = 0


def did_document(did: str, endpoint: str) -> dict[str, Any]:
    """Our DID document: PDSes find the service that they proxy to under `#bsky_appview`."""
    return {
        "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"],
        "id": did,
        "service": [
            {"id": "#bsky_notif", "type": "BskyNotificationService", "serviceEndpoint": endpoint},
            {"id": "#bsky_appview", "type": "BskyAppView", "serviceEndpoint": endpoint},
        ],
    }
