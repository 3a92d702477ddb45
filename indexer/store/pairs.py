"""Records that an account may have once per subject: list items, list blocks, verifications.

A PairTable holds the part of one such table that a batch touches, plays the batch's ops on it, and writes the
difference. The rule is
that of the reference's duplicate_record: the first record of a pair is in the table, later ones wait in `duplicate`,
the oldest of them
follows when the first is deleted. An edit that keeps its pair keeps its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import asyncpg

from indexer._fastpath import cbor
from indexer.records.collections import LIST_BLOCK, LIST_ITEM, VERIFICATION
from indexer.records.compression import original
from indexer.records.kind import Pair, Place, RecordKind
from indexer.records.kinds import KINDS
from indexer.records.notices import Notice
from indexer.records.references import References
from indexer.store.batch import RecordOp
from indexer.store.references import read_references
from indexer.store.sql import load

PAIRED: dict[int, str] = {LIST_ITEM: "list_item", LIST_BLOCK: "list_block", VERIFICATION: "verification"}

RecordId = tuple[int, int]
"""(key, account)"""


class _Entry(NamedTuple):
    pair: Pair
    row: tuple[Any, ...]

    @property
    def indexed_at(self) -> int:
        return int(self.row[-1])


@dataclass
class _Holders:
    """Who has a pair: the record in the table, and those that wait."""

    first: RecordId | None = None
    waiting: set[RecordId] = field(default_factory=set)


class PairTable:
    """The touched part of one table; see the module."""

    def __init__(self, kind: RecordKind, references: References) -> None:
        self._kind = kind
        self._references = references
        self._table = PAIRED[kind.code]
        self._entries: dict[RecordId, _Entry] = {}
        self._holders: dict[Pair, _Holders] = {}
        self._before: dict[RecordId, tuple[_Entry, bool]] = {}

    @classmethod
    async def read(
        cls,
        connection: asyncpg.Connection[Any],
        code: int,
        ops: Sequence[tuple[RecordOp, Any]],
        references: References,
    ) -> PairTable:
        """Read what the pairs that `ops` touch hold before the batch."""
        kind = KINDS[code]
        assert kind.pair is not None
        self = cls(kind, references)
        ids = sorted({(op.key, op.actor) for op, _ in ops})
        pairs: set[Pair] = set()
        for op, record in ops:
            if record is not None:
                pair = kind.pair(record, self._place(op), references)
                assert pair is not None  # refused otherwise
                pairs.add(pair)
        touched = await connection.fetch(
            load(f"{self._table}_pairs"), [key for key, _ in ids], [actor for _, actor in ids]
        )
        pairs.update(Pair(*row) for row in touched)
        await self._read_pairs(connection, sorted(pairs))
        return self

    async def _read_pairs(self, connection: asyncpg.Connection[Any], pairs: Sequence[Pair]) -> None:
        columns = [list(column) for column in zip(*pairs, strict=True)] or [[], [], []]
        rows = await connection.fetch(
            load("pair_holders", table=self._table, kind=self._kind.code, match=_MATCH[self._table]), *columns
        )
        records = [cbor.decode(original(row["record"]), cbor.TOLERATE_ALL) for row in rows]
        references = await read_references(connection, records)
        assert self._kind.row is not None
        for row, record in zip(rows, records, strict=True):
            pair = Pair(row["actor"], row["subject_key"], row["subject_actor"])
            id_ = (row["key"], row["actor"])
            place = Place(row["key"], row["actor"], "", row["indexed_at"])
            entry = _Entry(pair, self._kind.row(record, place, references))
            self._entries[id_] = entry
            self._before[id_] = (entry, row["is_first"])
            holders = self._holders.setdefault(pair, _Holders())
            if row["is_first"]:
                holders.first = id_
            else:
                holders.waiting.add(id_)

    # --- playing ----------------------------------------------------------------------------------------------------

    def create(self, op: RecordOp, record: Any) -> Iterable[Notice]:
        """A record comes that was not stored."""
        entry = self._entry(op, record)
        id_ = (op.key, op.actor)
        self._entries[id_] = entry
        holders = self._holders.setdefault(entry.pair, _Holders())
        if holders.first is not None:
            holders.waiting.add(id_)
            return ()
        holders.first = id_
        return self._kind.created(record, self._place(op), self._references)

    def delete(self, op: RecordOp) -> Iterable[Notice]:
        """A stored record goes."""
        id_ = (op.key, op.actor)
        entry = self._entries.pop(id_)
        holders = self._holders[entry.pair]
        if holders.first != id_:
            holders.waiting.discard(id_)
            return ()
        holders.first = min(
            holders.waiting, key=lambda other: (self._entries[other].indexed_at, other), default=None
        )
        if holders.first is not None:
            holders.waiting.discard(holders.first)
        return self._kind.deleted(entry.row, op.indexed_at)

    def replace(self, op: RecordOp, record: Any) -> Iterable[Notice]:
        """A stored record changes."""
        id_ = (op.key, op.actor)
        before, after = self._entries[id_], self._entry(op, record)
        was_first = self._holders[before.pair].first == id_
        if was_first and before.pair == after.pair:
            self._entries[id_] = after
            return self._kind.deleted(before.row, op.indexed_at)
        notices = list(self.delete(op))
        created = self.create(op, record)
        return notices if was_first else [*notices, *created]

    def _entry(self, op: RecordOp, record: Any) -> _Entry:
        assert self._kind.pair is not None
        assert self._kind.row is not None
        pair = self._kind.pair(record, self._place(op), self._references)
        assert pair is not None  # refused otherwise
        return _Entry(pair, self._kind.row(record, self._place(op), self._references))

    @staticmethod
    def _place(op: RecordOp) -> Place:
        return Place(op.key, op.actor, op.rkey, op.indexed_at)

    # --- writing ----------------------------------------------------------------------------------------------------

    async def write(self, connection: asyncpg.Connection[Any]) -> None:
        """Write how the table and the duplicates differ from what was read."""
        after = {id_: (entry, self._holders[entry.pair].first == id_) for id_, entry in self._entries.items()}
        gone = [id_ for id_, state in self._before.items() if after.get(id_) != state]
        come = [state for id_, state in after.items() if self._before.get(id_) != state]
        if gone:
            columns = [key for key, _ in gone], [actor for _, actor in gone]
            await connection.execute(load("pair_delete", table=self._table), *columns)
            await connection.execute(load("duplicate_delete", kind=self._kind.code), *columns)
        if first := [entry.row for entry, is_first in come if is_first]:
            await connection.execute(
                load(f"{self._table}_insert"), *(list(c) for c in zip(*first, strict=True))
            )
        if waiting := [
            (entry.row[0], *entry.pair, entry.row[-2], entry.indexed_at)
            for entry, is_first in come
            if not is_first
        ]:
            await connection.execute(
                load("duplicate_insert", kind=self._kind.code), *(list(c) for c in zip(*waiting, strict=True))
            )


_MATCH = {
    "list_item": "t.list_actor = q.actor AND t.list_key = q.subject_key "
    "AND t.subject_actor = q.subject_actor AND t.actor = q.actor",
    "list_block": "t.actor = q.actor AND t.list_actor = q.subject_actor AND t.list_key = q.subject_key",
    "verification": "t.subject_actor = q.subject_actor AND t.actor = q.actor",
}
