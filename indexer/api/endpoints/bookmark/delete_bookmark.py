"""app.bsky.bookmark.deleteBookmark: forget a bookmark."""

from __future__ import annotations

import msgspec

from indexer.api.auth import Mode
from indexer.api.endpoint import Call, Endpoint
from indexer.api.endpoints.bookmark.create_bookmark import bookmarked_post
from indexer.api.parameters import Parameters


class Body(msgspec.Struct):
    uri: str


async def answer(call: Call[Parameters]) -> None:
    post = await bookmarked_post(call, call.body.uri)
    await call.services.private.unbookmark(await call.account(), post)
    await call.services.post_changed(post)


ENDPOINT = Endpoint(
    "app.bsky.bookmark.deleteBookmark", Parameters, answer, auth=Mode.STANDARD, labelers=False, body=Body
)
