"""Records of kinds without a table of their own, in lists: what an account made, blocks or mutes; members of lists."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

import msgspec

from indexer._fastpath import cbor
from indexer.records.collections import LIST_ITEM
from indexer.records.compression import original
from indexer.store.reads.cursors import Cursor, cut, place, read_page
from indexer.store.reads.database import Database, Row
from indexer.store.reads.feeds import FeedItem
from indexer.store.reads.keys import Key, KeyBook, RecordKey
from indexer.store.reads.spelling import cid_text

_DAY: Final = 86_400_000
_WINDOWS: Final = (3 * _DAY, 60 * _DAY)
_EARLIEST: Final = -(2**62)


class Listed(msgspec.Struct, frozen=True, gc=False):
    """A record with its place in a list."""

    key: RecordKey
    sort_at: int
    cid: str

    @property
    def place(self) -> str:
        return place(self.cid, self.key[2])


class Member(msgspec.Struct, frozen=True, gc=False):
    """An account on a list, by the item record that put it there."""

    item: RecordKey
    subject: int
    sort_at: int
    cid: str

    @property
    def place(self) -> str:
        return place(self.cid, self.item[2])


class Lists:
    """Reads them."""

    def __init__(self, database: Database, keys: KeyBook) -> None:
        self._database = database
        self._keys = keys

    async def made_by(
        self, actor: int, kind: int, cursor: Cursor | None, limit: int, *, by_creation: bool = False
    ) -> tuple[list[Listed], str | None]:
        """A page of an account's records of one kind, newest first, and the cursor after it."""
        return await self._listed(
            lambda latest, count: self._database.rows("records_by", actor, kind, latest, count, by_creation),
            cursor,
            limit,
        )

    async def blocked_by(
        self, actor: int, cursor: Cursor | None, limit: int
    ) -> tuple[list[Listed], str | None]:
        """A page of the lists that an account blocks."""
        return await self._listed(
            lambda latest, count: self._database.rows("lists_blocked_by", actor, latest, count), cursor, limit
        )

    async def muted_by(
        self, actor: int, cursor: Cursor | None, limit: int
    ) -> tuple[list[Listed], str | None]:
        """A page of the lists that an account mutes."""
        return await self._listed(
            lambda latest, count: self._database.rows("lists_muted_by", actor, latest, count), cursor, limit
        )

    async def _listed(
        self, ask: Callable[[int, int], Awaitable[list[Row]]], cursor: Cursor | None, limit: int
    ) -> tuple[list[Listed], str | None]:
        async def fetch(latest: int, count: int) -> list[Listed]:
            return [
                Listed((row["kind"], row["key"], row["actor"]), row["sort_at"], cid_text(row["cid"]))
                for row in await ask(latest, count)
            ]

        return cut(await read_page(fetch, cursor, limit + 1), limit)

    # --- members -----------------------------------------------------------------------------------------------------

    async def members(
        self, target: Key, cursor: Cursor | None, limit: int, without: Iterable[int] = ()
    ) -> tuple[list[Member], str | None]:
        """A page of a list's members, latest added first, and the cursor after it."""
        left_out = set(without)

        async def fetch(latest: int, count: int) -> list[Member]:
            rows = await self._database.rows("list_members", *target, latest, count + len(left_out))
            return [
                Member(
                    (LIST_ITEM, row["key"], row["actor"]),
                    row["subject_actor"],
                    row["sort_at"],
                    cid_text(row["cid"]),
                )
                for row in rows
                if row["subject_actor"] not in left_out
            ]

        page, after = cut(await read_page(fetch, cursor, limit + 1), limit)
        await self._keys.learn_rare(member.item[1] for member in page)
        return page, after

    async def opted_out(self, target: Key, uri: str) -> set[int]:
        """The members of a list who do not want to be shown on it; `uri` is the list's."""
        return {
            row["actor"]
            for row in await self._database.rows("list_opt_outs", *target)
            if _subject(row["record"]) == uri
        }

    async def memberships(self, actor: int, targets: list[Key]) -> dict[Key, RecordKey]:
        """By which item records an account is on these lists."""
        rows = await self._database.rows(
            "list_memberships", actor, [key for key, _ in targets], [owner for _, owner in targets]
        )
        await self._keys.learn_rare(row["item_key"] for row in rows)
        return {(row["key"], row["actor"]): (LIST_ITEM, row["item_key"], row["item_actor"]) for row in rows}

    async def feed(
        self, target: Key, cursor: Cursor | None, limit: int, without: Iterable[int] = ()
    ) -> tuple[list[FeedItem], str | None]:
        """A page of what the members of a list posted, and the cursor after it."""
        left_out = list(without)

        async def fetch(latest: int, count: int) -> list[FeedItem]:
            newest = min(latest, time.time_ns() // 1_000_000)
            for floor in (*(newest - window for window in _WINDOWS), _EARLIEST):
                rows = await self._database.rows("list_items", *target, latest, floor, count, left_out)
                if len(rows) >= count:
                    break
            return [
                FeedItem(row["sort_at"], cid_text(row["cid"]), (row["rkey"], row["actor"])) for row in rows
            ]

        return cut(await read_page(fetch, cursor, limit + 1), limit)


def _subject(record: bytes) -> Any:
    value = cbor.decode(original(record), cbor.TOLERATE_ALL)
    return value.get("subject") if isinstance(value, dict) else None
