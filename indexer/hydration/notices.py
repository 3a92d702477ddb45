"""Notifications that a worker keeps: those of likes, reposts and follows, whose records have to be rebuilt."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable

from indexer.hydration.rows import ABSENT, RowBook, ViewerRows, feed_subject, notices_subject
from indexer.hydration.state import Asker, Notice
from indexer.store.reads.notices import Notices, Seen, notice_page


class KeptNotices:
    """Pages of notifications, what is kept of them per viewer."""

    def __init__(self, notices: Notices, book: RowBook) -> None:
        self._notices = notices
        self._book = book

    async def seen(self, asker: Asker, recipient: int) -> Seen:
        """When the asker, who is the recipient, last looked: a doing of their own, so it is of their version."""
        kept = self._book.of(recipient, asker.version)
        found = ABSENT if kept is None else kept.views.get("seen")
        if not isinstance(found, Seen):
            token = self._book.messages
            found = await self._notices.seen(recipient)
            if kept is not None:
                kept.views.put("seen", found, token, ())
        return found

    async def page(
        self, asker: Asker, recipient: int, before: int, limit: int, *, priority: bool
    ) -> tuple[list[Notice], int | None]:
        """The asker's newest notifications before a time (ms), and the time before which the next page goes on."""
        others = self._notices.others(recipient, before, limit + 1, priority=priority)
        # whom the recipient follows, as priority asks, is not among the subjects
        kept = None if priority else self._book.of(recipient, asker.version)
        known = None if kept is None else kept.views.get(_key(before, limit + 1))
        if isinstance(known, list):
            return notice_page(limit, known, await others)
        edges, found = await asyncio.gather(
            self._from_edges(kept, recipient, before, limit + 1, priority), others
        )
        return notice_page(limit, edges, found)

    async def _from_edges(
        self, kept: ViewerRows | None, recipient: int, before: int, count: int, priority: bool
    ) -> list[Notice]:
        token = self._book.messages
        found = await self._notices.from_edges(recipient, before, count, priority=priority)
        if kept is not None:
            # who did something to the recipient's records; which of these there are: posts, and others
            subjects = (notices_subject(recipient), feed_subject(recipient), recipient)
            size = sum(len(notice.edge.record) for notice in found if notice.edge is not None)
            kept.views.put(_key(before, count), found, token, subjects, size + 400 * len(found))
        return found


def _key(before: int, count: int) -> Hashable:
    return ("notices", before, count)
