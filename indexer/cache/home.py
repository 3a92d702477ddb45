"""Pages of home timelines: from the cache where it has them, else from Postgres; the same either way.

Owns the choice. The cache gives keys in order; which of them exist, and the order within one millisecond, Postgres
says, so that nothing is shown that was deleted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

from indexer.cache.reader import CachedPage, CacheReader
from indexer.store.reads.cursors import Cursor, newest_first
from indexer.store.reads.feeds import FeedItem, Feeds, home_page

_SLACK = 8
"""Items asked for beyond what a page needs: for own ones, deleted ones, and those that tie at the end."""

_MOST_READS = 4

Existing = Callable[[Sequence[bytes]], Awaitable[list[FeedItem]]]


class HomeTimelines:
    """Home timelines of one API worker. `reader`: None where caches are turned off."""

    def __init__(self, feeds: Feeds, reader: CacheReader | None, existing: Existing) -> None:
        """`existing`: the feed items with these members (keys.py), in any order, less what does not exist."""
        self._feeds = feeds
        self._reader = reader
        self._existing_items = existing
        self.lookups: Counter[str] = Counter()

    async def page(
        self, viewer: int, cursor: Cursor | None, limit: int, *, cached: bool = True
    ) -> tuple[list[FeedItem], str | None]:
        """A page of the viewer's home timeline and the cursor after it. Raises StoreError.

        `cached` is False where the viewer has just done something that may not have come to the cache yet.
        """
        found = await self._cached(viewer, cursor, limit) if cached else None
        self.lookups["miss" if found is None else "hit"] += 1
        if found is None:
            return await self._feeds.timeline(viewer, cursor, limit)
        others = [item for item in found if item.originator != viewer]
        own = [item for item in found if item.originator == viewer]
        return home_page(others, own, limit)

    async def _cached(self, viewer: int, cursor: Cursor | None, limit: int) -> list[FeedItem] | None:
        """Items after the cursor: more than `limit` of others, or all there are; None where the cache has less."""
        if self._reader is None:
            return None
        before = None if cursor is None else cursor.time
        count = limit + 1 + _SLACK
        for _ in range(_MOST_READS):
            page = await self._reader.timeline(viewer, before, count)
            if page is None:
                return None
            items = await self._existing(page, cursor)
            if page.floor == 0 or sum(item.originator != viewer for item in items) > limit:
                return items
            if page.floor is not None:
                return None
            count *= 3
        return None

    async def _existing(self, page: CachedPage, cursor: Cursor | None) -> list[FeedItem]:
        found = await self._existing_items(page.members)
        if page.floor is None:
            # of the oldest instant some may be missing
            found = [item for item in found if item.sort_at > page.oldest]
        if cursor is not None:
            found = [item for item in found if item.order < cursor]
        return newest_first(found)
