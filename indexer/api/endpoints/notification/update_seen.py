"""app.bsky.notification.updateSeen: the viewer has looked at notifications up to a time."""

from __future__ import annotations

import msgspec

from indexer._fastpath.syntax import parse_datetime
from indexer.api.auth import Mode
from indexer.api.endpoint import Call, Endpoint
from indexer.api.formats import is_datetime
from indexer.api.parameters import Parameters
from indexer.errors import InvalidRequest


class Body(msgspec.Struct, rename="camel"):
    seen_at: str


async def answer(call: Call[Parameters]) -> None:
    seen_at: str = call.body.seen_at
    if not is_datetime(seen_at):
        raise InvalidRequest("Input/seenAt must be an valid atproto datetime")
    await call.services.notices.mark_seen(await call.account(), parse_datetime(seen_at))


ENDPOINT = Endpoint(
    "app.bsky.notification.updateSeen", Parameters, answer, auth=Mode.STANDARD, labelers=False, body=Body
)
