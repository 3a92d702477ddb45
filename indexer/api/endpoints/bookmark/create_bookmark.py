"""app.bsky.bookmark.createBookmark: keep a post for later."""

from __future__ import annotations

import msgspec

from indexer._fastpath.cid import CID, is_cid
from indexer.api.auth import Mode
from indexer.api.endpoint import Call, Endpoint
from indexer.api.parameters import Parameters
from indexer.errors import FrameError, InvalidRequest
from indexer.records.collections import POST
from indexer.store.reads.keys import Key


class Body(msgspec.Struct):
    uri: str
    cid: str


async def bookmarked_post(call: Call[Parameters], uri: str) -> Key:
    """The post that a request names. InvalidRequest for any other record."""
    key = await call.services.keys.created_key(uri)
    if key is None:
        raise InvalidRequest(f"Expected an AT-URI under a DID, got {uri[:200]!r}")
    if key[0] != POST:
        raise InvalidRequest("Only 'app.bsky.feed.post' records can be bookmarked", "UnsupportedCollection")
    return (key[1], key[2])


async def answer(call: Call[Parameters]) -> None:
    body: Body = call.body
    if not is_cid(body.cid):
        raise InvalidRequest("Input/cid must be a cid string")
    try:
        digest = CID.parse(body.cid).digest
    except FrameError as error:
        raise InvalidRequest(f"Expected the CID of a record, got {body.cid[:100]!r}: {error}") from None
    post = await bookmarked_post(call, body.uri)
    await call.services.private.bookmark(await call.account(), post, digest)
    await call.services.post_changed(post)


ENDPOINT = Endpoint(
    "app.bsky.bookmark.createBookmark", Parameters, answer, auth=Mode.STANDARD, labelers=False, body=Body
)
