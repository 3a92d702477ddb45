"""Feed items that a worker keeps, so that a cached timeline's keys need not be looked up each time."""

from __future__ import annotations

from collections.abc import Sequence

from indexer.hydration.rows import ABSENT, RowBook, repost_subject
from indexer.hydration.state import FeedItem
from indexer.store.home import HomeItem
from indexer.store.reads.feeds import Feeds


class KeptFeeds:
    """Which items exist, from memory where it says so."""

    def __init__(self, feeds: Feeds, book: RowBook) -> None:
        self._feeds = feeds
        self._book = book

    async def existing(self, items: Sequence[HomeItem]) -> list[FeedItem]:
        """The feed items with these keys, in any order; those that do not exist (any more) are left out."""
        kept = self._book.items
        if not self._book.is_told:
            return await self._read(items)
        found: list[FeedItem] = []
        missing: list[HomeItem] = []
        for item in items:
            known = kept.get(item[:3])
            if known is ABSENT:
                missing.append(item)
            elif known is not None:
                found.append(known)
        if missing:
            token = self._book.messages
            for read in await self._read(missing):
                found.append(read)
                if read.repost is None:
                    kept.put((*read.post, False), read, token, (read.post,))
                else:
                    kept.put((*read.repost, True), read, token, (repost_subject(*read.repost), read.post))
        return found

    async def _read(self, items: Sequence[HomeItem]) -> list[FeedItem]:
        return await self._feeds.existing(
            [(item.key, item.actor) for item in items if not item.is_repost],
            [(item.key, item.actor) for item in items if item.is_repost],
        )
