"""app.bsky.bookmark.getBookmarks: the posts that the viewer kept, the latest kept first."""

from __future__ import annotations

from typing import NamedTuple

from indexer._fastpath.syntax import valid_rkey
from indexer.api.auth import Mode
from indexer.api.endpoint import Call, Endpoint, paged, pipeline
from indexer.api.listing import page
from indexer.api.parameters import Paged
from indexer.errors import InvalidRequest
from indexer.hydration.encoding import iso
from indexer.hydration.state import Json, State
from indexer.store.reads.private import Bookmark
from indexer.views.posts import post_or_placeholder


class Skeleton(NamedTuple):
    bookmarks: list[Bookmark]
    cursor: str | None = None


def key_cursor(text: str | None) -> str | None:
    """A cursor that is a record key. InvalidRequest where it is none."""
    if text and not valid_rkey(text):
        raise InvalidRequest("Malformed cursor")
    return text or None


async def skeleton(call: Call[Paged]) -> Skeleton:
    before = key_cursor(call.params.cursor)
    return Skeleton(*await call.services.private.bookmarks(call.viewer, before, call.params.limit))


async def hydrate(call: Call[Paged], found: Skeleton) -> State:
    posts = [bookmark.post for bookmark in found.bookmarks]
    return await call.services.hydrator.posts(call.asker, posts, actors=[actor for _, actor in posts])


def present(call: Call[Paged], found: Skeleton, state: State) -> Json:
    views = []
    for bookmark in found.bookmarks:
        uri = state.post_uri(bookmark.post)
        views.append(
            {
                "createdAt": iso(bookmark.created_at),
                "subject": {"uri": uri, "cid": bookmark.cid},
                "item": post_or_placeholder(state, bookmark.post, uri)[0],
            }
        )
    return page("bookmarks", views, found.cursor)


ENDPOINT = Endpoint(
    "app.bsky.bookmark.getBookmarks",
    Paged,
    paged("bookmarks", pipeline(skeleton, hydrate, present)),
    auth=Mode.STANDARD,
)
