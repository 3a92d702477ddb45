"""Pages of notifications that a worker keeps, by what each rests on."""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

from indexer.hydration.rows import ABSENT, RowBook, feed_subject, notices_subject
from indexer.hydration.state import Asker, Notice
from indexer.store.reads.notices import Notices, Seen


class NoticePage(NamedTuple):
    """Notifications, newest first, the time (ms) before which the next page goes on, and what both rest on beside the
    recipient's version.
    """

    notices: list[Notice]
    following: int | None
    subjects: tuple[Hashable, ...]


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
    ) -> NoticePage:
        """The asker's newest notifications before a time (ms)."""
        # whom the recipient follows, as priority asks, is not among the subjects
        kept = None if priority else self._book.of(recipient, asker.version)
        key = ("notices", before, limit)
        known = ABSENT if kept is None else kept.views.get(key)
        if isinstance(known, NoticePage):
            return known
        token = self._book.messages
        found, following = await self._notices.page(recipient, before, limit, priority=priority)
        # which of their subjects there are: posts and reposts of the recipient's, and other records of theirs
        subjects = (notices_subject(recipient), feed_subject(recipient), recipient)
        page = NoticePage(found, following, subjects)
        if kept is not None:
            size = sum(len(notice.edge.record) for notice in found if notice.edge is not None)
            kept.views.put(key, page, token, subjects, size + 400 * len(found))
        return page
