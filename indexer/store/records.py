"""Applies the ops of a batch on every record type that is neither an edge nor a post.

They are few, so they are settled here, one after the other in stream order, against what is stored; then the
difference is written. What depends on nothing that other batches change is done before the transaction's turn
(StagedRecords).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import asyncpg

from indexer._fastpath import cbor
from indexer.errors import FrameError
from indexer.records import profile
from indexer.records.collections import ANY_OTHER, PROFILE
from indexer.records.compression import compress
from indexer.records.kind import Place, created_at, milliseconds
from indexer.records.kinds import KINDS
from indexer.records.notices import Notice
from indexer.records.references import References
from indexer.store.batch import CREATE, DELETE, PLACE, RecordOp
from indexer.store.pairs import PAIRED, PairTable
from indexer.store.references import read_references
from indexer.store.sql import load

_PURGED = dict.fromkeys(("record", "profile", "list_item", "list_block", "verification"), "true")
_PURGED["duplicate"] = "kind > 5"  # those of edges go with the edges

Path = tuple[int, int, int]
"""(kind, key, account)"""


@dataclass
class ChangedRecords:
    """What was written: accounts with another profile, (kind, key, account) of other records, and what was refused."""

    profiles: list[int] = field(default_factory=list)
    records: list[Path] = field(default_factory=list)
    refused: list[tuple[int, str, int]] = field(default_factory=list)


class AcceptedOp(NamedTuple):
    """An op with its record's value and stored form, both None for a delete."""

    op: RecordOp
    record: Any
    stored: bytes | None


@dataclass(frozen=True, slots=True)
class StagedRecords:
    """A batch's ops on other records, in stream order, as far as they are accepted; what was refused of the rest; the
    ids of what the records refer to.
    """

    ops: Sequence[AcceptedOp]
    refused: Sequence[tuple[int, str, int]]
    references: References


async def stage_records(connection: asyncpg.Connection[Any], ops: Sequence[RecordOp]) -> StagedRecords:
    """Decode, judge and compress the records of `ops`. Of what is stored only ids are read, which never change, and
    those that the batch needs are given out before it is staged.
    """
    decoded = [(op, _decode(op)) for op in ops]
    references = await read_references(
        connection, [record for op, record in decoded if record is not None and op.kind != ANY_OTHER]
    )
    refused: list[tuple[int, str, int]] = []
    accepted = _accepted(decoded, references, refused)
    stored = iter(compress([op.record for op, _ in accepted if op.record is not None]))
    return StagedRecords(
        [AcceptedOp(op, record, None if op.record is None else next(stored)) for op, record in accepted],
        refused,
        references,
    )


class RecordTables:
    """The ops of one batch on the tables of other records: read what they meet, play them on it, write the difference.

    The deletion of an account splits the batch: what comes behind it is read and played when what comes before it is
    written.
    """

    def __init__(
        self, connection: asyncpg.Connection[Any], staged: StagedRecords, purges: Sequence[tuple[int, int]]
    ) -> None:
        """`purges`: the deleted accounts with their places."""
        self._connection = connection
        self._references = staged.references
        self._changed = ChangedRecords(refused=list(staged.refused))
        self._notices: list[Notice] = []
        self._segments: list[tuple[Sequence[AcceptedOp], int | None]] = []
        start = 0
        for place, actor in sorted(purges):
            end = start
            while end < len(staged.ops) and staged.ops[end].op.n & PLACE < place:
                end += 1
            self._segments.append((staged.ops[start:end], actor))
            start = end
        self._segments.append((staged.ops[start:], None))
        self._stored: set[Path] = set()
        self._pairs: dict[int, PairTable] = {}
        self._statements: list[tuple[str, Sequence[Any]]] = []

    async def read(self) -> None:
        """Read what the first segment meets. Edges and posts have no part in it: it may be read before these change."""
        ops = self._segments[0][0]
        self._stored = await _stored(self._connection, [op.op for op in ops]) if ops else set()
        self._pairs = {}
        for code in sorted({op.op.kind for op in ops} & set(PAIRED)):
            of_kind = [(op.op, op.record) for op in ops if op.op.kind == code]
            self._pairs[code] = await PairTable.read(self._connection, code, of_kind, self._references)

    def play(self) -> None:
        """Settle the first segment's ops, one after the other, against what was read; nothing is asked or written."""
        notices, references = self._notices, self._references
        final: dict[Path, AcceptedOp | None] = {}
        existing = set(self._stored)
        for accepted in self._segments[0][0]:
            op, record, _ = accepted
            path = (op.kind, op.key, op.actor)
            is_stored = path in existing
            if op.action == CREATE and is_stored:
                continue  # a replay
            table = self._pairs.get(op.kind)
            if op.action == DELETE or record is None:
                if not is_stored:
                    continue
                existing.discard(path)
                final[path] = None
                if table is not None:
                    notices += table.delete(op)
            else:
                existing.add(path)
                final[path] = accepted
                if table is not None:
                    notices += table.replace(op, record) if is_stored else table.create(op, record)
                elif not is_stored:
                    place = Place(op.key, op.actor, op.rkey, op.indexed_at)
                    notices += KINDS[op.kind].created(record, place, references)
        self._statements = _statements(self._stored, final, references, self._changed)

    async def write(self) -> tuple[ChangedRecords, list[Notice]]:
        """Write what was played, then read, play and write what comes behind it. Returns what changed and whom to
        notify.
        """
        while True:
            for statement, columns in self._statements:
                await self._connection.execute(load(statement), *columns)
            for table in self._pairs.values():
                await table.write(self._connection)
            _, purged = self._segments.pop(0)
            if purged is None:
                return self._changed, self._notices
            for name, condition in _PURGED.items():
                await self._connection.execute(load("purge_records", table=name, condition=condition), purged)
            self._notices[:] = [
                notice for notice in self._notices if purged not in (notice.author, notice.recipient)
            ]
            await self.read()
            self.play()


def _decode(op: RecordOp) -> object:
    if op.record is None:
        return None
    try:
        return cbor.decode(op.record, cbor.TOLERATE_ALL)
    except FrameError:
        return False  # is no map, so it is refused


def _accepted(
    ops: Sequence[tuple[RecordOp, object]], references: References, refused: list[tuple[int, str, int]]
) -> list[tuple[RecordOp, Any]]:
    accepted: list[tuple[RecordOp, Any]] = []
    for op, record in ops:
        if op.action != DELETE:
            place = Place(op.key, op.actor, op.rkey, op.indexed_at)
            refusal = KINDS[op.kind].refusal(record, place, references)
            if refusal is not None:
                refused.append((op.actor, f"collection {op.kind}, {op.rkey}: {refusal}", op.indexed_at))
                continue
        accepted.append((op, record))
    return accepted


async def _stored(connection: asyncpg.Connection[Any], ops: Sequence[RecordOp]) -> set[Path]:
    """Return which of the paths of `ops` are stored."""
    paths = sorted({(op.kind, op.key, op.actor) for op in ops if op.kind != PROFILE})
    found: set[Path] = set()
    if paths:
        rows = await connection.fetch(load("record_find"), *_columns(paths))
        found.update((kind, key, actor) for kind, key, actor in rows)
    profiles = {
        op.actor: op.key for op in ops if op.kind == PROFILE and (op.rkey == "self" or op.action == DELETE)
    }
    if profiles:
        own = {op.key for op in ops if op.kind == PROFILE and op.rkey == "self"}
        rows = await connection.fetch(load("profile_find"), list(profiles))
        found.update((PROFILE, key, actor) for (actor,) in rows for key in own)
    return found


def _statements(
    stored: set[Path],
    final: Mapping[Path, AcceptedOp | None],
    references: References,
    changed: ChangedRecords,
) -> list[tuple[str, Sequence[Any]]]:
    """The statements, with arguments, that make the tables what `final` says; what they change goes to `changed`."""
    gone = [path for path in final if path in stored]
    rows: list[tuple[Any, ...]] = []
    profiles: list[tuple[Any, ...]] = []
    for path, outcome in final.items():
        if path[0] == PROFILE:
            changed.profiles.append(path[2])
        else:
            changed.records.append(path)
        if outcome is None:
            continue
        op, record, form = outcome
        if op.kind == PROFILE:
            pack = profile.joined_via(record, references) or (None, None)
            created = milliseconds(record.get("createdAt"))
            profiles.append((op.actor, op.cid, created, op.indexed_at, *pack, form))
        else:
            created = created_at(record) if "createdAt" in record else None
            rows.append((op.kind, op.key, op.actor, op.cid, created, op.indexed_at, form))
    statements: list[tuple[str, Sequence[Any]]] = []
    if others := [path for path in gone if path[0] != PROFILE]:
        statements.append(("record_delete", _columns(others)))
    if own := [path[2] for path in gone if path[0] == PROFILE]:
        statements.append(("profile_delete", [own]))
    if rows:
        statements.append(("record_insert", _columns(rows)))
    if profiles:
        statements.append(("profile_insert", _columns(profiles)))
    return statements


def _columns(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    return list(map(list, zip(*rows, strict=True)))
