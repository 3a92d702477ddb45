"""Private state: what people told this server alone. It is no part of the firehose and survives a full re-index."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import orjson

from indexer._fastpath import tid
from indexer.store.reads.database import Database
from indexer.store.reads.keys import Key, KeyBook
from indexer.store.reads.spelling import cid_text

_PREFERENCES = ("app.bsky.notification.defs#preferences", "self")


class Mute(NamedTuple):
    """A mute, with its place in a list ordered by (time, DID)."""

    subject: int
    sort_at: int
    cid: str
    whole: bool

    @property
    def place(self) -> str:
        return self.cid


class Bookmark(NamedTuple):
    """A bookmarked post; `key` orders bookmarks, newest largest."""

    key: str
    post: Key
    cid: str
    created_at: int


class Private:
    """Reads and writes private state."""

    def __init__(self, database: Database, keys: KeyBook) -> None:
        self._database = database
        self._keys = keys
        self._last_tid = 0

    # --- mutes -------------------------------------------------------------------------------------------------------

    async def mute(self, actor: int, subject: int, *, only_reposts: bool, only_quotes: bool) -> None:
        await self._database.execute("mute_save", actor, subject, _now(), only_reposts, only_quotes)

    async def unmute(self, actor: int, subject: int) -> None:
        await self._database.execute("mute_delete", actor, subject)

    async def mute_list(self, actor: int, target: Key) -> None:
        await self._database.execute("list_mute_save", actor, target[1], target[0], _now())

    async def unmute_list(self, actor: int, target: Key) -> None:
        await self._database.execute("list_mute_delete", actor, target[1], target[0])

    async def mute_thread(self, actor: int, root: Key) -> None:
        await self._database.execute("thread_mute_save", actor, root[1], root[0], _now())

    async def unmute_thread(self, actor: int, root: Key) -> None:
        await self._database.execute("thread_mute_delete", actor, root[1], root[0])

    async def mutes(self, actor: int) -> list[Mute]:
        """Every mute of an account, newest first."""
        rows = await self._database.rows("mutes", actor)
        return [Mute(row["subject_actor"], row["created_at"], row["did"], row["whole"]) for row in rows]

    # --- bookmarks ---------------------------------------------------------------------------------------------------

    async def bookmark(self, actor: int, post: Key, digest: bytes) -> None:
        """Bookmark a version of a post; what is bookmarked already stays as it is."""
        await self._database.execute(
            "bookmark_save", actor, post[1], post[0], digest, self._new_tid(), _now()
        )

    async def unbookmark(self, actor: int, post: Key) -> None:
        await self._database.execute("bookmark_delete", actor, post[1], post[0])

    async def bookmarks(
        self, actor: int, before: str | None, limit: int
    ) -> tuple[list[Bookmark], str | None]:
        """A page of an account's bookmarks, newest first, and the cursor after it."""
        rows = await self._database.rows("bookmarks", actor, before, limit + 1)
        await self._keys.learn_rare(row["subject_key"] for row in rows)
        page = [
            Bookmark(
                row["key"],
                (row["subject_key"], row["subject_actor"]),
                cid_text(row["subject_cid"]),
                row["created_at"],
            )
            for row in rows[:limit]
        ]
        return page, page[-1].key if len(rows) > limit and page else None

    # --- notifications -----------------------------------------------------------------------------------------------

    async def preferences(self, actor: int) -> dict[str, Any]:
        """An account's notification preferences as it last put them; empty if it never did."""
        row = await self._database.row("private_data", actor, *_PREFERENCES)
        return {} if row is None else dict(orjson.loads(row["payload"]))

    async def save_preferences(self, actor: int, preferences: dict[str, Any]) -> None:
        payload = orjson.dumps(preferences).decode()
        await self._database.execute("private_data_save", actor, *_PREFERENCES, payload, _now())

    async def save_priority(self, actor: int, priority: bool) -> None:
        """Whether an account wants notifications of those only whom it follows."""
        await self._database.execute("notification_priority_save", actor, priority)

    async def subscribe(self, actor: int, subject: int, *, posts: bool, replies: bool) -> None:
        """Subscribe to an account's activity; with neither kind wanted, end the subscription."""
        if posts or replies:
            await self._database.execute(
                "subscription_save", actor, subject, self._new_tid(), posts, replies, _now()
            )
        else:
            await self._database.execute("subscription_delete", actor, subject)

    async def subscriptions(self, actor: int, before: str | None, limit: int) -> tuple[list[int], str | None]:
        """A page of the accounts that somebody is subscribed to, newest first, and the cursor after it."""
        rows = await self._database.rows("subscriptions", actor, before, limit + 1)
        return [row["subject_actor"] for row in rows[:limit]], rows[limit - 1]["key"] if len(
            rows
        ) > limit else None

    def _new_tid(self) -> str:
        self._last_tid = max(self._last_tid + 1, time.time_ns() // 1000 << 10)
        return tid.to_text(self._last_tid)


def _now() -> int:
    return time.time_ns() // 1_000_000
