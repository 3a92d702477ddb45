"""Feed items that a worker keeps, so that a cached timeline's keys need not be looked up each time."""

from __future__ import annotations

from collections.abc import Sequence

from indexer.cache.keys import item_member, read_item_member
from indexer.hydration.rows import ABSENT, RowBook, repost_subject
from indexer.hydration.state import FeedItem
from indexer.store.reads.feeds import Feeds


class KeptFeeds:
    """Which items exist, from memory where it says so."""

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
            token = self._book.messages
            items = [read_item_member(member) for member in missing]
            for read in await self._feeds.existing(
                [(key, actor) for key, actor, is_repost in items if not is_repost],
                [(key, actor) for key, actor, is_repost in items if is_repost],
            ):
                found.append(read)
                if not is_told:
                    continue
                if read.repost is None:
                    kept.put(item_member(*read.post, False), read, token, (read.post,))
                else:
                    subjects = (repost_subject(*read.repost), read.post)
                    kept.put(item_member(*read.repost, True), read, token, subjects)
        return found
