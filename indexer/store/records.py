"""Applies the ops of a batch on every record type that is neither an edge nor a post.

They are few, so they are settled here, one after the other in stream order, against what is stored; then the
difference is written. The
deletion of an account splits the batch: what comes before it is written first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

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


def decode_records(ops: Sequence[RecordOp]) -> list[tuple[RecordOp, object]]:
    """Each op with the value of its record: None for a delete, False for bytes that are no value."""
    return [(op, _decode(op)) for op in ops]


async def apply_records(
    connection: asyncpg.Connection[Any],
    ops: Sequence[tuple[RecordOp, object]],
    purges: Sequence[tuple[int, int]],
) -> tuple[ChangedRecords, list[Notice]]:
    """Write `ops` (decoded, in stream order); `purges` are the deleted accounts with their places. Returns what changed
    and whom to notify.
    """
    changed = ChangedRecords()
    notices: list[Notice] = []
    start = 0
    for place, actor in sorted(purges):
        end = start
        while end < len(ops) and ops[end][0].n & PLACE < place:
            end += 1
        await _apply_segment(connection, ops[start:end], changed, notices)
        for table, condition in _PURGED.items():
            await connection.execute(load("purge_records", table=table, condition=condition), actor)
        notices[:] = [notice for notice in notices if actor not in (notice.author, notice.recipient)]
        start = end
    await _apply_segment(connection, ops[start:], changed, notices)
    return changed, notices


async def _apply_segment(
    connection: asyncpg.Connection[Any],
    ops: Sequence[tuple[RecordOp, object]],
    changed: ChangedRecords,
    notices: list[Notice],
) -> None:
    if not ops:
        return
    references = await read_references(
        connection, [record for op, record in ops if record is not None and op.kind != ANY_OTHER]
    )
    ops_with_records = _accepted(ops, references, changed)
    if not ops_with_records:
        return
    stored = await _stored(connection, [op for op, _ in ops_with_records])
    pairs = {}
    for code in sorted({op.kind for op, _ in ops_with_records} & set(PAIRED)):
        of_kind = [(op, record) for op, record in ops_with_records if op.kind == code]
        pairs[code] = await PairTable.read(connection, code, of_kind, references)
    final: dict[Path, tuple[RecordOp, dict[str, Any]] | None] = {}
    existing = set(stored)
    for op, record in ops_with_records:
        path = (op.kind, op.key, op.actor)
        is_stored = path in existing
        if op.action == CREATE and is_stored:
            continue  # a replay
        place = Place(op.key, op.actor, op.rkey, op.indexed_at)
        table = pairs.get(op.kind)
        if op.action == DELETE or record is None:
            if not is_stored:
                continue
            existing.discard(path)
            final[path] = None
            if table is not None:
                notices += table.delete(op)
        else:
            existing.add(path)
            final[path] = (op, record)
            if table is not None:
                notices += table.replace(op, record) if is_stored else table.create(op, record)
            elif not is_stored:
                notices += KINDS[op.kind].created(record, place, references)
    await _write(connection, stored, final, references, changed)
    for table in pairs.values():
        await table.write(connection)


def _decode(op: RecordOp) -> object:
    if op.record is None:
        return None
    try:
        return cbor.decode(op.record, cbor.TOLERATE_ALL)
    except FrameError:
        return False  # is no map, so it is refused


def _accepted(
    ops: Sequence[tuple[RecordOp, object]], references: References, changed: ChangedRecords
) -> list[tuple[RecordOp, Any]]:
    accepted: list[tuple[RecordOp, Any]] = []
    for op, record in ops:
        if op.action != DELETE:
            place = Place(op.key, op.actor, op.rkey, op.indexed_at)
            refusal = KINDS[op.kind].refusal(record, place, references)
            if refusal is not None:
                changed.refused.append(
                    (op.actor, f"collection {op.kind}, {op.rkey}: {refusal}", op.indexed_at)
                )
                continue
        accepted.append((op, record))
    return accepted


async def _stored(connection: asyncpg.Connection[Any], ops: Sequence[RecordOp]) -> set[Path]:
    """Return which of the paths of `ops` are stored."""
    paths = sorted({(op.kind, op.key, op.actor) for op in ops if op.kind != PROFILE})
    found: set[Path] = set()
    if paths:
        rows = await connection.fetch(
            load("record_find"), *(list(column) for column in zip(*paths, strict=True))
        )
        found.update((kind, key, actor) for kind, key, actor in rows)
    profiles = {
        op.actor: op.key for op in ops if op.kind == PROFILE and (op.rkey == "self" or op.action == DELETE)
    }
    if profiles:
        own = {op.key for op in ops if op.kind == PROFILE and op.rkey == "self"}
        rows = await connection.fetch(load("profile_find"), list(profiles))
        found.update((PROFILE, key, actor) for (actor,) in rows for key in own)
    return found


async def _write(
    connection: asyncpg.Connection[Any],
    stored: set[Path],
    final: dict[Path, tuple[RecordOp, dict[str, Any]] | None],
    references: References,
    changed: ChangedRecords,
) -> None:
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
        op, record = outcome
        if op.kind == PROFILE:
            pack = profile.joined_via(record, references) or (None, None)
            created = milliseconds(record.get("createdAt"))
            profiles.append((op.actor, op.cid, created, op.indexed_at, *pack, op.record))
        else:
            created = created_at(record) if "createdAt" in record else None
            rows.append((op.kind, op.key, op.actor, op.cid, created, op.indexed_at, op.record))
    if others := [path for path in gone if path[0] != PROFILE]:
        await connection.execute(
            load("record_delete"), *(list(column) for column in zip(*others, strict=True))
        )
    if own := [path[2] for path in gone if path[0] == PROFILE]:
        await connection.execute(load("profile_delete"), own)
    for statement, inserted in (("record_insert", rows), ("profile_insert", profiles)):
        if inserted:
            *columns, records = zip(*inserted, strict=True)
            await connection.execute(load(statement), *map(list, columns), compress(records))
