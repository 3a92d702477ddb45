"""Reads what the posts of one batch need to be judged (records/threads.py), and judges them.

One query for the posts themselves, one for the posts above them; gates, replies that came early, follows and lists
are read only where
a post meets one. All reads happen before the batch changes anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import asyncpg

from indexer._fastpath import cbor
from indexer.records import gates
from indexer.records.collections import LIST_ITEM, POSTGATE, THREADGATE
from indexer.records.notices import Notice
from indexer.records.references import References
from indexer.records.threads import Gates, Known, NewPost, Post, PostId, ThreadGate, Threads
from indexer.store.batch import CREATE, PLACE, RecordOp
from indexer.store.references import read_references
from indexer.store.sql import load

_DELETE_FIRST, _PURGE, _CREATE = 0, 1, 2


async def judge_posts(
    connection: asyncpg.Connection[Any],
    *,
    mentions: Mapping[int, Sequence[int]],
    record_ops: Sequence[RecordOp],
    purges: Sequence[tuple[int, int]],
    posts: bool,
    deletes: bool,
) -> tuple[bytes, list[Notice]]:
    """Return the verdict byte of each op of the batch (see post_insert.sql) and the notifications that its posts cause.

    mentions: place -> accounts. record_ops: all other records, in stream order.
    purges: (place, account) of deleted accounts. posts, deletes: whether the batch has posts, and deletions, at all.
    """
    rows = await connection.fetch(load("post_prefetch")) if posts else []
    if not rows:
        return b"", []
    verdicts = bytearray(rows[-1]["place"] + 1)
    news = [_new_post(row) for row in rows]
    known = Known()
    if any(new.post.parent is not None for new in news):
        for row in await connection.fetch(load("post_ancestors")):
            post = _post(row)
            known.posts[post.id] = post
    early = [row for row in rows if row["has_replies"]]
    if early:
        await _read_descendants(connection, known, [(row["rkey"], row["actor"]) for row in early])
    await _read_gates(connection, known, news, mentions, record_ops, purges)
    threads = Threads(known, verdicts)
    events: list[tuple[int, int, Any]] = [(new.place, _CREATE, new) for new in news]
    if deletes:
        gone = await connection.fetch(load("post_delete_list"))
        events += [(place, _DELETE_FIRST, (key, actor)) for place, key, actor in gone]
    events += [(place, _PURGE, actor) for place, actor in purges]
    if len(events) > len(news):
        events.sort(key=lambda event: event[:2])
    for place, what, subject in events:
        if what == _CREATE:
            threads.add(subject, mentions.get(place, ()))
        elif what == _DELETE_FIRST:
            threads.delete(subject)
        else:
            threads.purge(subject)
    return bytes(verdicts), threads.notices()


def _new_post(row: Any) -> NewPost:
    (place, key, actor, sort_at, parent_key, parent_actor, root_key, root_actor, quote_key, quote_actor, flags,
    is_update,
     stored, _, thread_gate_key, post_gate_key) = row  # fmt: skip
    return NewPost(
        place,
        Post(
            (key, actor),
            None if parent_key is None else (parent_key, parent_actor),
            None if root_key is None else (root_key, root_actor),
            flags,
            sort_at,
        ),
        None if quote_key is None else (quote_key, quote_actor),
        stored,
        is_update,
        None if thread_gate_key is None else (thread_gate_key, root_actor),
        None if post_gate_key is None else (post_gate_key, quote_actor),
    )


def _post(row: Any) -> Post:
    key, actor, sort_at, parent_key, parent_actor, root_key, root_actor, flags = row
    parent = None if parent_key is None else (parent_key, parent_actor)
    root = None if root_key is None else (root_key, root_actor)
    return Post((key, actor), parent, root, flags, sort_at)


async def _read_descendants(
    connection: asyncpg.Connection[Any], known: Known, above: Sequence[PostId]
) -> None:
    found = await connection.fetch(
        load("post_descendants"), [key for key, _ in above], [actor for _, actor in above]
    )
    for row in found:
        post = _post(row)
        known.posts[post.id] = post
        assert post.parent is not None
        known.children.setdefault(post.parent, []).append(post.id)
    for replies in known.children.values():
        replies.sort()
    noticed = await connection.fetch(
        load("post_noticed"), [row["rkey"] for row in found], [row["actor"] for row in found]
    )
    for key, author, recipient in noticed:
        known.noticed.setdefault((key, author), set()).add(recipient)


async def _read_gates(
    connection: asyncpg.Connection[Any],
    known: Known,
    news: Sequence[NewPost],
    mentions: Mapping[int, Sequence[int]],
    record_ops: Sequence[RecordOp],
    purges: Sequence[tuple[int, int]],
) -> None:
    """Fill in the gates that `news` run into, stored or of this batch, and whom they permit."""
    if not any(new.thread_gate or new.post_gate for new in news):
        return
    rare = {(THREADGATE, *new.thread_gate) for new in news if new.thread_gate and new.thread_gate[0] < 0}
    rare |= {(POSTGATE, *new.post_gate) for new in news if new.post_gate and new.post_gate[0] < 0}
    stored = await connection.fetch(
        load("post_gates"), *([list(column) for column in zip(*rare, strict=True)] or [[], [], []])
    )
    ops = [op for op in record_ops if op.kind in (THREADGATE, POSTGATE)]
    if not stored and not ops:
        return
    decoded = [
        (kind, (key, actor), cbor.decode(record, cbor.TOLERATE_ALL)) for kind, key, actor, record in stored
    ]
    changes = [(op, None if op.record is None else cbor.decode(op.record, cbor.TOLERATE_ALL)) for op in ops]
    references = await read_references(
        connection,
        [record for _, _, record in decoded] + [record for _, record in changes if record is not None],
    )
    meaning: dict[int, Any] = {
        THREADGATE: lambda record: gates.thread_gate(record, references),
        POSTGATE: lambda record: gates.forbids_quotes(record) or None,
    }
    for kind in (THREADGATE, POSTGATE):
        before = {id_: meaning[kind](record) for stored_kind, id_, record in decoded if stored_kind == kind}
        during = _changes(
            before, [(op, meaning[kind](record)) for op, record in changes if op.kind == kind], purges
        )
        if kind == THREADGATE:
            known.thread_gates = Gates(before, during)
        else:
            known.post_gates = Gates(before, during)
    known.permitted = await _permitted(connection, known, news, mentions, record_ops, purges, references)


def _changes(
    before: Mapping[PostId, object], ops: Iterable[tuple[RecordOp, object]], purges: Sequence[tuple[int, int]]
) -> dict[PostId, list[tuple[int, object]]]:
    """Return what happens to each gate in the batch: (place, the gate from there on). A create over an existing one
    is a replay.
    """
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


async def _permitted(
    connection: asyncpg.Connection[Any],
    known: Known,
    news: Sequence[NewPost],
    mentions: Mapping[int, Sequence[int]],
    record_ops: Sequence[RecordOp],
    purges: Sequence[tuple[int, int]],
    references: References,
) -> set[int]:
    """Return the places of the replies whose authors the rules of their thread's gate let in."""
    asking: list[tuple[NewPost, ThreadGate, PostId]] = []
    for new in news:
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
    permitted |= await _mentioned(connection, asking, news, mentions)
    permitted |= await _listed(connection, asking, record_ops, purges)
    return permitted


async def _mentioned(
    connection: asyncpg.Connection[Any],
    asking: Sequence[tuple[NewPost, ThreadGate, PostId]],
    news: Sequence[NewPost],
    mentions: Mapping[int, Sequence[int]],
) -> set[int]:
    """Return the places of the repliers whom the root post mentions, if its gate admits those."""
    asked = [(new, root) for new, gate, root in asking if gate.mentioned]
    if not asked:
        return set()
    roots = sorted({root for _, root in asked})
    repliers = sorted({new.post.id[1] for new, _ in asked})
    dids = dict(await connection.fetch(load("actor_dids"), repliers))
    records = await connection.fetch(
        load("post_records"), [key for key, _ in roots], [actor for _, actor in roots]
    )
    in_text = {
        (key, actor): gates.mentioned_dids(cbor.decode(record, cbor.TOLERATE_ALL))
        for key, actor, record in records
    }
    in_batch: dict[PostId, list[tuple[int, Sequence[int]]]] = {}
    for new in news:
        in_batch.setdefault(new.post.id, []).append((new.place, mentions.get(new.place, ())))
    admitted = set()
    for new, root in asked:
        mentioned = dids[new.post.id[1]] in in_text.get(root, ())
        for place, accounts in in_batch.get(root, ()):
            if place < new.place:
                mentioned = new.post.id[1] in accounts
        if mentioned:
            admitted.add(new.place)
    return admitted


async def _listed(
    connection: asyncpg.Connection[Any],
    asking: Sequence[tuple[NewPost, ThreadGate, PostId]],
    record_ops: Sequence[RecordOp],
    purges: Sequence[tuple[int, int]],
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
    ops = [op for op in record_ops if op.kind == LIST_ITEM]
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
                references.record(record.get("list"), 10),
                references.actor(record.get("subject")),
            )
            if list_ is not None and account is not None:
                items.setdefault((list_, account), {}).setdefault(id_, []).append((op.n & PLACE, True))
    admitted = set()
    for place, list_, account in asked:
        for (_, owner), changes in items.get((list_, account), {}).items():
            held = False
            at = -1
            for changed_at, holds in changes:
                if changed_at < place:
                    held, at = holds, changed_at
            if held and not any(actor == owner and at < purged < place for purged, actor in purges):
                admitted.add(place)
    return admitted
