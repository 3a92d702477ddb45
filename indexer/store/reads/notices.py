"""Notifications: rows of their own table, and likes, reposts and follows where they stand."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple

from indexer.records import notices as reasons
from indexer.records.collections import CODES, FOLLOW, LIKE, POST, REPOST
from indexer.store.reads.database import Database, Row
from indexer.store.reads.edges import Edge, Edges
from indexer.store.reads.keys import Key, KeyBook, RecordKey
from indexer.store.reads.spelling import tid_key

_SOURCES: Final = (
    (LIKE, reasons.LIKE, "notices_likes"),
    (REPOST, reasons.REPOST, "notices_reposts"),
    (FOLLOW, reasons.FOLLOW, "notices_follows"),
)


class Notice(NamedTuple):
    """A notification: who did what, when, and about which record of the recipient's."""

    sort_at: int
    author: int
    reason: int
    record: RecordKey
    subject: RecordKey | None = None
    edge: Edge | None = None


class Seen(NamedTuple):
    """When an account last looked (ms; None: never) and whether it asked for those of its follows only."""

    at: int | None
    priority: bool


class Notices:
    """Reads notifications."""

    def __init__(self, database: Database, keys: KeyBook, edges: Edges) -> None:
        self._database = database
        self._keys = keys
        self._edges = edges

    async def seen(self, recipient: int) -> Seen:
        row = await self._database.row("notification_seen", recipient)
        return Seen(None, False) if row is None else Seen(row["seen_at"], row["priority"])

    async def mark_seen(self, recipient: int, at: int) -> None:
        await self._database.execute("notification_seen_update", recipient, at)

    async def unread(self, recipient: int) -> int:
        """How many came since the recipient last looked."""
        seen = await self.seen(recipient)
        row = await self._database.row("unread_count", recipient, -(2**62) if seen.at is None else seen.at)
        assert row is not None
        return int(row["count"])

    async def page(
        self, recipient: int, before: int, limit: int, *, priority: bool
    ) -> tuple[list[Notice], int | None]:
        """The newest notifications before a time (ms), and the time before which the next page goes on."""
        parts = await asyncio.gather(
            self._others(recipient, before, limit + 1, priority),
            *(self._edge_notices(recipient, before, limit + 1, priority, source) for source in _SOURCES),
        )
        return _page(limit, parts)

    async def _edge_notices(
        self, recipient: int, before: int, count: int, priority: bool, source: tuple[int, int, str]
    ) -> list[Notice]:
        kind, reason, question = source
        rows = await self._database.rows(question, recipient, before, count, priority)
        edges = await self._edges.edges(kind, rows)
        subjects = {} if kind == FOLLOW else await self._existing(edges)
        return [
            Notice(
                edge.sort_at,
                edge.actor,
                reason,
                (kind, edge.rkey, edge.actor),
                subjects.get(edge.subject),
                edge,
            )
            for edge in edges
            if kind == FOLLOW or edge.subject in subjects
        ]

    async def _existing(self, edges: list[Edge]) -> dict[Key, RecordKey]:
        """Liked or reposted records that exist, by the key under which they were."""
        found: dict[Key, RecordKey] = {}
        others: dict[RecordKey, Key] = {}
        for edge in edges:
            key, actor = edge.subject
            if key >= 0:
                found[edge.subject] = (POST, key, actor)
                continue
            collection, rkey = self._keys.path(POST, key).split("/", 1)
            code = CODES.get(collection, 0)
            own = tid_key(rkey)
            others[(code, key if own is None else own, actor)] = edge.subject
        if others:
            rows = await self._database.rows(
                "records_exist",
                [kind for kind, _, _ in others],
                [key for _, key, _ in others],
                [actor for _, _, actor in others],
            )
            for row in rows:
                record = (row["kind"], row["key"], row["actor"])
                found[others[record]] = record
        return found

    async def _others(self, recipient: int, before: int, count: int, priority: bool) -> list[Notice]:
        rows = await self._database.rows("notices_others", recipient, before, count, priority)
        await self._keys.learn_rare(
            key for row in rows for key in (row["record_key"], row["subject_key"]) if key is not None
        )
        return [self._notice(row) for row in rows]

    @staticmethod
    def _notice(row: Row) -> Notice:
        subject = None
        if row["subject_kind"] is not None:
            subject = (row["subject_kind"], row["subject_key"], row["subject_actor"])
        record = (row["record_kind"], row["record_key"], row["author"])
        return Notice(row["sort_at"], row["author"], row["reason"], record, subject)


def _page(limit: int, parts: Sequence[list[Notice]]) -> tuple[list[Notice], int | None]:
    """A page of the newest `limit + 1` of each kind, and the time before which the next page goes on.

    Clients carry a time alone, so those of one time stay together: a page ends before them where they do not fit.
    """
    found = sorted(
        (notice for part in parts for notice in part), key=lambda notice: (-notice.sort_at, notice.record)
    )
    if len(found) <= limit:
        return found, None
    last = found[limit - 1].sort_at
    if found[limit].sort_at != last:
        return found[:limit], last
    earlier = [notice for notice in found[:limit] if notice.sort_at != last]
    if earlier:
        return earlier, earlier[-1].sort_at
    return [notice for notice in found if notice.sort_at == last], last
