"""What getLikes, getRepostedBy and getQuotes have in common: they list what points to a record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from indexer.api.endpoint import Call
from indexer.api.parameters import AtUri, Cid, Paged
from indexer.hydration.state import Json, Key
from indexer.store.reads.cursors import Cursor, of_an_older_kind

Item = TypeVar("Item")


class Params(Paged, frozen=True, kw_only=True):
    uri: AtUri
    cid: Cid | None = None


async def pointing(
    call: Call[Params], read: Callable[[Key, Cursor | None, int], Awaitable[tuple[list[Item], str | None]]]
) -> tuple[list[Item], str | None]:
    """A page of what `read` gives for the record that the call names, and the cursor after it."""
    params = call.params
    if of_an_older_kind(params.cursor):
        return [], None
    cursor = Cursor.parse(params.cursor)
    key = (await call.services.keys.post_keys([params.uri])).get(params.uri)
    return ([], None) if key is None else await read(key, cursor, params.limit)


def with_subject(call: Call[Params], answer: Json) -> Json:
    """The answer with the record that was asked about, as the request named it."""
    answer["uri"] = call.params.uri
    if call.params.cid is not None:
        answer["cid"] = call.params.cid
    return answer
