"""What the four methods have in common that mute a list or a thread, or show it again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from indexer.api.auth import Mode
from indexer.api.endpoint import Call, Endpoint
from indexer.api.parameters import Parameters
from indexer.errors import InvalidRequest
from indexer.hydration.state import Key
from indexer.records.collections import LIST, POST
from indexer.store.reads.private import Private

Do = Callable[[Private, int, Key], Awaitable[None]]


class OfList(msgspec.Struct):
    list: str


class OfThread(msgspec.Struct):
    root: str


def list_muting(nsid: str, do: Do) -> Endpoint[Parameters]:
    """A method that does something with the list that its body names."""

    async def answer(call: Call[Parameters]) -> None:
        await _done(call, call.body.list, LIST, "a list", do)

    return _endpoint(nsid, answer, OfList)


def thread_muting(nsid: str, do: Do) -> Endpoint[Parameters]:
    """A method that does something with the thread whose first post its body names."""

    async def answer(call: Call[Parameters]) -> None:
        await _done(call, call.body.root, POST, "a post", do)

    return _endpoint(nsid, answer, OfThread)


async def _done(call: Call[Parameters], uri: str, kind: int, what: str, do: Do) -> None:
    key = await call.services.keys.created_key(uri, kind)
    if key is None:
        raise InvalidRequest(f"Expected the AT-URI of {what}, got {uri[:200]!r}")
    await do(call.services.private, await call.account(), (key[1], key[2]))


def _endpoint(
    nsid: str, answer: Callable[[Call[Parameters]], Awaitable[None]], body: type[msgspec.Struct]
) -> Endpoint[Parameters]:
    return Endpoint(nsid, Parameters, answer, auth=Mode.STANDARD, labelers=False, body=body)
