"""app.bsky.notification.putPreferencesV2: change which notifications the viewer wants, and how."""

from __future__ import annotations

from typing import Literal

import msgspec

from indexer.api.auth import Mode
from indexer.api.endpoint import Call, Endpoint
from indexer.api.endpoints.notification.get_preferences import FILTERABLE, PLAIN, whole_preferences
from indexer.api.parameters import Parameters
from indexer.hydration.state import Json


class Plain(msgspec.Struct):
    list: bool
    push: bool


class Filterable(msgspec.Struct):
    include: Literal["all", "follows"]
    list: bool
    push: bool


class Body(msgspec.Struct, rename="camel"):
    follow: Filterable | None = None
    like: Filterable | None = None
    like_via_repost: Filterable | None = None
    mention: Filterable | None = None
    quote: Filterable | None = None
    reply: Filterable | None = None
    repost: Filterable | None = None
    repost_via_repost: Filterable | None = None
    starterpack_joined: Plain | None = None
    subscribed_post: Plain | None = None
    unverified: Plain | None = None
    verified: Plain | None = None


async def answer(call: Call[Parameters]) -> Json:
    account = await call.account()
    stored = await call.services.private.preferences(account)
    put: Json = msgspec.to_builtins(call.body)
    stored.update({name: put[name] for name in (*FILTERABLE, *PLAIN) if put[name] is not None})
    await call.services.private.save_preferences(account, stored)
    return {"preferences": whole_preferences(stored)}


ENDPOINT = Endpoint(
    "app.bsky.notification.putPreferencesV2",
    Parameters,
    answer,
    auth=Mode.STANDARD,
    labelers=False,
    body=Body,
)
