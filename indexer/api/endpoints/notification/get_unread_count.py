"""app.bsky.notification.getUnreadCount: how many notifications came since the viewer last looked."""

from __future__ import annotations

from indexer.api.auth import Mode
from indexer.api.endpoint import Call, Endpoint
from indexer.api.parameters import Datetime, Parameters
from indexer.errors import InvalidRequest
from indexer.hydration.state import Json


class Params(Parameters, frozen=True, kw_only=True):
    priority: bool | None = None
    seen_at: Datetime | None = None


async def answer(call: Call[Params]) -> Json:
    if call.params.seen_at is not None:
        raise InvalidRequest("The seenAt parameter is unsupported")
    return {"count": await call.services.notices.unread(call.viewer)}


ENDPOINT = Endpoint(
    "app.bsky.notification.getUnreadCount", Params, answer, auth=Mode.STANDARD, labelers=False
)
