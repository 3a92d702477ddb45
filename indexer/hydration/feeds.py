"""Feeds that a worker keeps: which items of cached timelines exist, and pages of authors' feeds."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Final

from indexer.cache.keys import item_member, read_item_member
from indexer.hydration.rows import ABSENT, RowBook, feed_subject, repost_subject
from indexer.hydration.state import Asker, FeedItem
from indexer.store.reads.cursors import Cursor
from indexer.store.reads.feeds import AuthorFilter, Feeds

MOST_WAITING: Final = 50
"""A page is not kept if more reposts stand among its items whose posts do not exist."""

Page = tuple[list[FeedItem], str | None]
"""Feed items, and the cursor after them."""


class KeptFeeds:
    """Feeds from memory, where it says what they are."""

    def __init__(self, feeds: Feeds, book: RowBook) -> None:
        self._feeds = feeds
        self._book = book

    async def existing(self, members: Sequence[bytes]) -> list[FeedItem]:
        """The feed items of a cached timeline's members, in any order; what does not exist is left out."""
        kept, is_told = self._book.items, self._book.is_told
        found: list[FeedItem] = []
        missing: list[bytes] = []
        for member in members:
            known = kept.get(member) if is_told else ABSENT
            if known is ABSENT:
                missing.append(member)
            elif known is not None:
                found.append(known)
        if missing:
            found += await self._read(missing)
        return found

    async def _read(self, members: Sequence[bytes]) -> list[FeedItem]:
        token = self._book.messages
        asked = [read_item_member(member) for member in members]
        posts = {(key, actor) for key, actor, is_repost in asked if not is_repost}
        reposts = {(key, actor) for key, actor, is_repost in asked if is_repost}
        found = await self._feeds.existing(list(posts), list(reposts))
        if not self._book.is_told:
            return found
        kept = self._book.items
        for item in found:
            if item.repost is None:
                kept.put(item_member(*item.post, False), item, token, (item.post,))
                posts.discard(item.post)
            else:
                subjects = (repost_subject(*item.repost), item.post)
                kept.put(item_member(*item.repost, True), item, token, subjects)
                reposts.discard(item.repost)
        for post in posts:
            kept.put(item_member(*post, False), None, token, (post,))
        if reposts:
            of = await self._feeds.reposted(list(reposts))
            for repost in reposts:
                needed = [repost_subject(*repost), *([of[repost]] if repost in of else [])]
                kept.put(item_member(*repost, True), None, token, tuple(needed))
        return found

    async def author(
        self, asker: Asker, actor: int, which: AuthorFilter, cursor: Cursor | None, limit: int
    ) -> Page:
        """A page of an account's feed and the cursor after it."""
        book = self._book
        if book.of(asker.viewer, asker.version) is None:
            return await self._feeds.author(actor, which, cursor, limit)
        key = ("author", actor, which, cursor, limit)
        known = book.pages.get(key)
        if known is not None and known is not ABSENT:
            page: Page = known
            return page
        token = book.messages
        page = items, after = await self._feeds.author(actor, which, cursor, limit)
        waiting = await self._feeds.waiting(
            actor, which, cursor, items[-1].sort_at if after is not None else None, MOST_WAITING
        )
        if len(waiting) < MOST_WAITING:
            subjects: set[Hashable] = {feed_subject(actor), *waiting}
            subjects.update(item.post for item in items if item.repost is not None)
            book.pages.put(key, page, token, tuple(subjects), 150 * len(items))
        return page
