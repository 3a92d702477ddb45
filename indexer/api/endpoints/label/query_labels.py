"""com.atproto.label.queryLabels: labels on subjects by given labelers."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from indexer.api.endpoint import Call, Endpoint
from indexer.api.formats import is_uri
from indexer.api.parameters import Did, Parameters
from indexer.errors import InvalidRequest
from indexer.hydration.state import Asker, Json
from indexer.views.labels import labels_of


class Params(Parameters, frozen=True, kw_only=True):
    uri_patterns: list[str]
    sources: list[Did] | None = None
    limit: Annotated[int, Meta(ge=1, le=250)] = 50
    cursor: str | None = None


async def answer(call: Call[Params]) -> Json:
    params = call.params
    if not params.sources:
        raise InvalidRequest("source dids are required")
    if any("*" in pattern for pattern in params.uri_patterns):
        raise InvalidRequest("wildcards not supported")
    if not all(is_uri(pattern) for pattern in params.uri_patterns):
        raise InvalidRequest("invalid uri pattern")
    asker = Asker(labelers=tuple(params.sources))
    state = await call.services.hydrator.labels(asker, params.uri_patterns)
    found = [label for uri in params.uri_patterns for label in labels_of(state, uri)]
    return {"labels": [label for label in found if label["src"] in params.sources][: params.limit]}


ENDPOINT = Endpoint("com.atproto.label.queryLabels", Params, answer, auth=None, labelers=False)
