"""A thread's posts as keys."""

from __future__ import annotations

from typing import NamedTuple

from indexer.store.reads.cursors import Cursor, cut, read_page
from indexer.store.reads.database import Database
from indexer.store.reads.feeds import FeedItem
from indexer.store.reads.keys import Key
from indexer.store.reads.spelling import cid_text

#: Longer threads by one author alone are cut here.
_LONGEST_OP_THREAD = 1000


class Thread(NamedTuple):
    """The keys of a thread around an anchor: its first post, the anchor and its ancestors, replies (newest first), and
    what the uppermost of the ancestors replies to, which is not there or too far up.
    """

    anchor: Key
    root: Key
    ancestors: list[Key]
    replies: list[Key]
    missing: Key | None = None


class Threads:
    """Reads threads and quotes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def around(self, anchor: Key, height: int, depth: int) -> Thread:
        """At most `height` posts above the anchor, at most `depth` levels of replies under it."""
        rows = await self._database.rows("thread", *anchor, height, depth)
        root, missing = anchor, None
        uppermost = [row for row in rows if row["above"]][-1:]
        if uppermost and uppermost[0]["parent_key"] is not None:
            missing = (uppermost[0]["parent_key"], uppermost[0]["parent_actor"])
        if rows and rows[0]["above"] and rows[0]["root_key"] is not None:
            root = (rows[0]["root_key"], rows[0]["root_actor"])
        return Thread(
            anchor,
            root,
            [(row["rkey"], row["actor"]) for row in rows if row["above"]],
            [(row["rkey"], row["actor"]) for row in rows if not row["above"]],
            missing,
        )

    async def op_thread(self, root: Key) -> list[Key]:
        """How the thread's author goes on under its first post, that one included; empty where the author does not."""
        rows = await self._database.rows("op_thread", *root, _LONGEST_OP_THREAD)
        return [(row["rkey"], root[1]) for row in rows] if len(rows) > 1 else []

    async def quotes_of(
        self, post: Key, cursor: Cursor | None, limit: int
    ) -> tuple[list[FeedItem], str | None]:
        """A page of the posts that quote a post, newest first, and the cursor after it."""

        async def fetch(latest: int, count: int) -> list[FeedItem]:
            rows = await self._database.rows("quotes_of", *post, latest, count)
            return [
                FeedItem(row["sort_at"], cid_text(row["cid"]), (row["rkey"], row["actor"])) for row in rows
            ]

        return cut(await read_page(fetch, cursor, limit + 1), limit)
