"""Reads the gates that a batch's posts run into, and whom their rules let in (records/gates.py says what they mean).

Everything is answered as of the post's place in the stream: gates, follows, list items, mentions and the deletion of
any of these
within the batch count from where they stand.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import asyncpg

from indexer._fastpath import cbor
from indexer.records import gates
from indexer.records.collections import LIST, LIST_ITEM, POSTGATE, THREADGATE
from indexer.records.compression import original
from indexer.records.kind import Place
from indexer.records.kinds import KINDS
from indexer.records.threads import Gates, Known, NewPost, PostId, ThreadGate
from indexer.store.batch import CREATE, PLACE, RecordOp
from indexer.store.references import read_references
from indexer.store.sql import load


class BatchStream(NamedTuple):
    """What a batch does that judging its posts depends on: posts that come, whom they mention (by place), other
    records, deleted accounts as (place, account), deleted posts as (place, key, account).
    """

    news: Sequence[NewPost]
    mentions: Mapping[int, Sequence[int]]
    record_ops: Sequence[RecordOp]
    purges: Sequence[tuple[int, int]]
    gone: Sequence[tuple[int, int, int]]


async def read_gates(connection: asyncpg.Connection[Any], known: Known, stream: BatchStream) -> None:
    """Fill in the gates that new posts run into, stored or of this batch, and whom they permit."""
    news = stream.news
    if not any(new.thread_gate or new.post_gate for new in news):
        return
    rare = {(THREADGATE, *new.thread_gate) for new in news if new.thread_gate and new.thread_gate[0] < 0}
    rare |= {(POSTGATE, *new.post_gate) for new in news if new.post_gate and new.post_gate[0] < 0}
    stored = await connection.fetch(
        load("post_gates"), *([list(column) for column in zip(*rare, strict=True)] or [[], [], []])
    )
    ops = [op for op in stream.record_ops if op.kind in (THREADGATE, POSTGATE)]
    if not stored and not ops:
        return
    decoded = [
        (kind, (key, actor), cbor.decode(original(record), cbor.TOLERATE_ALL))
        for kind, key, actor, record in stored
    ]
    changed = [(op, None if op.record is None else cbor.decode(op.record, cbor.TOLERATE_ALL)) for op in ops]
    references = await read_references(
        connection,
        [record for _, _, record in decoded] + [record for _, record in changed if record is not None],
    )
    changes = [
        (op, record)
        for op, record in changed
        if record is None
        or KINDS[op.kind].refusal(record, Place(op.key, op.actor, op.rkey, op.indexed_at), references) is None
    ]
    meaning: dict[int, Any] = {
        THREADGATE: lambda record: gates.thread_gate(record, references),
        POSTGATE: lambda record: gates.forbids_quotes(record) or None,
    }
    for kind in (THREADGATE, POSTGATE):
        before = {id_: meaning[kind](record) for stored_kind, id_, record in decoded if stored_kind == kind}
        during = _changes(
            before, [(op, meaning[kind](record)) for op, record in changes if op.kind == kind], stream.purges
        )
        if kind == THREADGATE:
            known.thread_gates = Gates(before, during)
        else:
            known.post_gates = Gates(before, during)
    known.permitted = await _permitted(connection, known, stream)


def _changes(
    before: Mapping[PostId, object], ops: Iterable[tuple[RecordOp, object]], purges: Sequence[tuple[int, int]]
) -> dict[PostId, list[tuple[int, object]]]:
    """Return what happens to each gate in the batch: (place, the gate from there on)."""
    during: dict[PostId, list[tuple[int, object]]] = {}
    for op, gate in ops:
        during.setdefault((op.key, op.actor), []).append((op.n & PLACE, gate))
    for place, actor in purges:
        for id_ in {*before, *during}:
            if id_[1] == actor:
                during.setdefault(id_, []).append((place, None))
    for entries in during.values():
        entries.sort(key=lambda entry: entry[0])
    return during


async def _permitted(connection: asyncpg.Connection[Any], known: Known, stream: BatchStream) -> set[int]:
    """Return the places of the replies whose authors the rules of their thread's gate let in."""
    asking: list[tuple[NewPost, ThreadGate, PostId]] = []
    for new in stream.news:
        gate = known.thread_gates.at(new.thread_gate, new.place)
        root = new.post.root
        if isinstance(gate, ThreadGate) and gate.asks and root is not None and root[1] != new.post.id[1]:
            asking.append((new, gate, root))
    permitted: set[int] = set()
    if not asking:
        return permitted
    follows = [(new.place, root[1], new.post.id[1]) for new, gate, root in asking if gate.followed]
    follows += [(new.place, new.post.id[1], root[1]) for new, gate, root in asking if gate.followers]
    if follows:
        found = await connection.fetch(
            load("follow_at"), *(list(column) for column in zip(*follows, strict=True))
        )
        permitted.update(row[0] for row in found)
    permitted |= await _mentioned(connection, asking, stream)
    permitted |= await _listed(connection, asking, stream)
    return permitted


async def _mentioned(
    connection: asyncpg.Connection[Any],
    asking: Sequence[tuple[NewPost, ThreadGate, PostId]],
    stream: BatchStream,
) -> set[int]:
    """Return the places of the repliers whom the root post mentions, if its gate admits those."""
    asked = [(new, root) for new, gate, root in asking if gate.mentioned]
    if not asked:
        return set()
    roots = sorted({root for _, root in asked})
    ids = sorted({new.post.id[1] for new, _ in asked})
    dids = dict(await connection.fetch(load("actor_dids"), ids))
    repliers = {did: id_ for id_, did in dids.items()}
    # by root: (from which place on, whom it mentions)
    mentioned: dict[PostId, list[tuple[int, Collection[int]]]] = {root: [] for root in roots}
    for key, actor, record in await connection.fetch(
        load("post_records"), [key for key, _ in roots], [actor for _, actor in roots]
    ):
        named = gates.mentioned_dids(cbor.decode(original(record), cbor.TOLERATE_ALL))
        mentioned[key, actor].append((-1, {repliers[did] for did in named if did in repliers}))
    for new in stream.news:
        if new.post.id in mentioned and not (new.stored and mentioned[new.post.id] and not new.is_update):
            mentioned[new.post.id].append((new.place, stream.mentions.get(new.place, ())))
    for place, key, actor in stream.gone:
        if (key, actor) in mentioned:
            mentioned[key, actor].append((place, ()))
    for place, purged in stream.purges:
        for root in roots:
            if root[1] == purged:
                mentioned[root].append((place, ()))
    return {new.place for new, root in asked if new.post.id[1] in _latest(mentioned[root], new.place)}


def _latest(changes: Sequence[tuple[int, Collection[int]]], place: int) -> Collection[int]:
    """Return what holds just before `place`."""
    before = [change for change in changes if change[0] < place]
    return max(before, key=lambda change: change[0])[1] if before else ()


async def _listed(
    connection: asyncpg.Connection[Any],
    asking: Sequence[tuple[NewPost, ThreadGate, PostId]],
    stream: BatchStream,
) -> set[int]:
    """Return the places of the repliers who are in a list that the gate admits."""
    asked = [(new.place, list_, new.post.id[1]) for new, gate, _ in asking for list_ in gate.lists]
    if not asked:
        return set()
    found = await connection.fetch(
        load("list_members"),
        [list_[0] for _, list_, _ in asked],
        [list_[1] for _, list_, _ in asked],
        [account for _, _, account in asked],
    )
    # items by (list, account): each item's changes in stream order, (place, whether it holds the account from there on)
    items: dict[tuple[PostId, int], dict[PostId, list[tuple[int, bool]]]] = {}
    for list_key, list_actor, account, key, actor in found:
        items.setdefault(((list_key, list_actor), account), {})[(key, actor)] = [(-1, True)]
    ops = [op for op in stream.record_ops if op.kind == LIST_ITEM]
    decoded = [None if op.record is None else cbor.decode(op.record, cbor.TOLERATE_ALL) for op in ops]
    references = await read_references(connection, [record for record in decoded if record is not None])
    for op, record in zip(ops, decoded, strict=True):
        id_ = (op.key, op.actor)
        if op.action != CREATE:
            for of_pair in items.values():
                if id_ in of_pair:
                    of_pair[id_].append((op.n & PLACE, False))
        if isinstance(record, dict):
            list_, account = (
                references.record(record.get("list"), LIST),
                references.actor(record.get("subject")),
            )
            if list_ is not None and list_[1] == op.actor and account is not None:
                items.setdefault((list_, account), {}).setdefault(id_, []).append((op.n & PLACE, True))
    return {
        place
        for place, list_, account in asked
        if _holds(items.get((list_, account), {}), place, stream.purges)
    }


def _holds(
    items: Mapping[PostId, Sequence[tuple[int, bool]]], place: int, purges: Sequence[tuple[int, int]]
) -> bool:
    """Whether one of these list items is there just before `place`."""
    for (_, owner), changes in items.items():
        since, holds = -1, False
        for changed_at, holds_then in changes:
            if changed_at < place:
                since, holds = changed_at, holds_then
        if holds and not any(actor == owner and since < at < place for at, actor in purges):
            return True
    return False
