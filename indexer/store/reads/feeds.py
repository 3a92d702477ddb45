"""Feeds as rows: an account's own posts and reposts, and those of the accounts that somebody follows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Final

import msgspec

from indexer.records.collections import REPOST
from indexer.records.post_flags import HAS_GALLERY, HAS_IMAGES, HAS_VIDEO
from indexer.store.reads.cursors import LATEST, Cursor, cut, newest_first, place, read_page
from indexer.store.reads.database import Database, Row
from indexer.store.reads.edges import edge_cid
from indexer.store.reads.keys import Key, KeyBook
from indexer.store.reads.spelling import cid_text

_DAY: Final = 86_400_000
_EARLIEST: Final = -(2**62)

#: How far back the home timeline is looked for, in widening windows: most are full after the first.
_WINDOWS: Final = (3 * _DAY, 60 * _DAY)

#: At most this many own items stand in a page of the home timeline that others could fill (reference AppView).
_OWN_ITEMS: Final = 10


class FeedItem(msgspec.Struct, frozen=True, gc=False):
    """A post in a feed, or a repost of it."""

    sort_at: int
    cid: str
    post: Key
    repost: Key | None = None
    pinned: bool = False
    order: tuple[int, str] = (0, "")

    def __post_init__(self) -> None:
        # an account may write one record twice in the same millisecond: then the keys tell them apart
        key = (self.repost or self.post)[0]
        where = f"{place(self.cid, self.originator)}.{key:x}"
        msgspec.structs.force_setattr(self, "order", (self.sort_at, where))

    @property
    def originator(self) -> int:
        """The account by which the item is in the feed."""
        return self.post[1] if self.repost is None else self.repost[1]

    @property
    def place(self) -> str:
        """Where the item stands among those of its time."""
        return self.order[1]


class AuthorFilter(msgspec.Struct, frozen=True):
    """Which of an account's posts and reposts a feed shows: see author_items.sql."""

    flags: int = 0
    others: int = 0


FILTERS: Final = {
    "posts_with_replies": AuthorFilter(),
    "posts_no_replies": AuthorFilter(others=1),
    "posts_and_author_threads": AuthorFilter(others=2),
    "posts_with_media": AuthorFilter(flags=HAS_IMAGES | HAS_GALLERY),
    "posts_with_video": AuthorFilter(flags=HAS_VIDEO),
}


class Feeds:
    """Reads feed skeletons."""

    def __init__(self, database: Database, keys: KeyBook) -> None:
        self._database = database
        self._keys = keys

    async def author(
        self, actor: int, which: AuthorFilter, cursor: Cursor | None, limit: int
    ) -> tuple[list[FeedItem], str | None]:
        """A page of an account's feed and the cursor after it."""
        return cut(await self._own(actor, which, cursor, limit + 1), limit)

    async def _own(
        self, actor: int, which: AuthorFilter, cursor: Cursor | None, wanted: int
    ) -> list[FeedItem]:
        async def fetch(latest: int, count: int) -> list[FeedItem]:
            return await self._items(
                await self._database.rows("author_items", actor, latest, count, which.flags, which.others)
            )

        return await read_page(fetch, cursor, wanted)

    async def timeline(
        self, viewer: int, cursor: Cursor | None, limit: int
    ) -> tuple[list[FeedItem], str | None]:
        """A page of the home timeline and the cursor after it: what the followed accounts and the viewer posted."""
        others, own = await asyncio.gather(
            read_page(lambda latest, count: self._followed(viewer, latest, count), cursor, limit + 1),
            self._own(viewer, AuthorFilter(), cursor, limit + 1),
        )
        return home_page(others, own, limit)

    async def existing(self, posts: Sequence[Key], reposts: Sequence[Key]) -> list[FeedItem]:
        """The items with these keys, in any order; those that do not exist (any more) are left out."""
        rows = await self._database.rows(
            "feed_items",
            [key for key, _ in posts],
            [actor for _, actor in posts],
            [key for key, _ in reposts],
            [actor for _, actor in reposts],
        )
        return await self._items(rows)

    async def reposted(self, reposts: Sequence[Key]) -> dict[Key, Key]:
        """The posts that these reposts are of, whether they exist or not; less reposts that do not exist."""
        rows = await self._database.rows(
            "repost_subjects", [key for key, _ in reposts], [actor for _, actor in reposts]
        )
        return {(row["rkey"], row["actor"]): (row["subject_key"], row["subject_actor"]) for row in rows}

    async def waiting(
        self, actor: int, which: AuthorFilter, cursor: Cursor | None, last: int | None, most: int
    ) -> list[Key]:
        """Posts that would be on a page of an account's feed if they existed, reposted by it; at most so many.

        `last`: the sort_at (ms) with which the page ends, None where the feed ends with it.
        """
        if which.flags:
            return []
        latest = LATEST if cursor is None else cursor.time
        rows = await self._database.rows(
            "author_waiting", actor, latest, _EARLIEST if last is None else last, most
        )
        return [(row["subject_key"], row["subject_actor"]) for row in rows]

    async def _followed(self, viewer: int, latest: int, count: int) -> list[FeedItem]:
        newest = min(latest, time.time_ns() // 1_000_000)
        for window in _WINDOWS:
            rows = await self._database.rows("timeline_items", viewer, latest, newest - window, count)
            if len(rows) >= count:
                return await self._items(rows)
        return await self._items(
            await self._database.rows("timeline_items", viewer, latest, _EARLIEST, count)
        )

    async def _items(self, rows: list[Row]) -> list[FeedItem]:
        await self._keys.learn_rare(
            key
            for row in rows
            if row["repost_rkey"] is not None
            for key in (row["rkey"], row["repost_rkey"], row["via_key"])
            if key is not None
        )
        return [self._item(row) for row in rows]

    def _item(self, row: Row) -> FeedItem:
        post = (row["rkey"], row["actor"])
        if row["repost_rkey"] is None:
            return FeedItem(row["sort_at"], cid_text(row["cid"]), post)
        return FeedItem(
            row["sort_at"],
            edge_cid(self._keys, REPOST, row),
            post,
            (row["repost_rkey"], row["repost_actor"]),
        )


def home_page(others: list[FeedItem], own: list[FeedItem], limit: int) -> tuple[list[FeedItem], str | None]:
    """A page of a home timeline and the cursor after it, of what others and the viewer posted (both newest first).

    Each list holds `limit` + 1 items or more where there are so many; the viewer's own may end with the others' last.
    """
    others, own = others[: limit + 1], own[: limit + 1]
    own_limit = max(min(limit, _OWN_ITEMS), limit - min(len(others), limit))
    page, after = cut(newest_first(others + own[:own_limit]), limit)
    if after is None and page and len(own) > own_limit:
        after = Cursor(page[-1].sort_at, page[-1].place).text()
    return page, after
