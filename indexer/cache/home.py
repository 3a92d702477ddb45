"""Pages of home timelines: from the cache where it has them, else from Postgres; the same either way.

Owns the choice. The cache gives keys in order; which of them exist, and the order within one millisecond, Postgres
says, so that nothing is shown that was deleted.
"""

from __future__ import annotations

from collections import Counter

from indexer.cache.reader import CachedPage, CacheReader
from indexer.store.reads.cursors import Cursor, newest_first
from indexer.store.reads.feeds import FeedItem, Feeds, home_page

_SLACK = 8
"""Items asked for beyond what a page needs: for own ones, deleted ones, and those that tie at the end."""

_MOST_READS = 4


class HomeTimelines:
    """Home timelines of one API worker. `reader`: None where caches are turned off."""

    def __init__(self, feeds: Feeds, reader: CacheReader | None) -> None:
        self._feeds = feeds
        self._reader = reader
        self.lookups: Counter[str] = Counter()

    async def page(self, viewer: int, cursor: Cursor | None, limit: int) -> tuple[list[FeedItem], str | None]:
        """A page of the viewer's home timeline and the cursor after it. Raises StoreError."""
        cached = await self._cached(viewer, cursor, limit)
        self.lookups["miss" if cached is None else "hit"] += 1
        if cached is None:
            return await self._feeds.timeline(viewer, cursor, limit)
        others = [item for item in cached if item.originator != viewer]
        own = [item for item in cached if item.originator == viewer]
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
        whole = page.items
        if page.floor is None:
            whole = [item for item in whole if item.sort_at > page.items[-1].sort_at]
        posts = [(item.key, item.actor) for item in whole if not item.is_repost]
        reposts = [(item.key, item.actor) for item in whole if item.is_repost]
        found = await self._feeds.existing(posts, reposts)
        return newest_first(item for item in found if cursor is None or (item.sort_at, item.place) < cursor)
