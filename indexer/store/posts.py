"""Reads what the posts of one batch need to be judged (records/threads.py), and judges them.

One query for what is stored of the posts themselves, one for the posts above them; gates, replies that came early,
follows and lists are read only where a post meets one. All reads happen before the batch changes anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg

from indexer.records.notices import Notice
from indexer.records.threads import Known, NewPost, Post, PostId, Threads
from indexer.store.batch import RecordOp
from indexer.store.beside import beside
from indexer.store.gates import BatchStream, read_gates
from indexer.store.sql import load

_DELETE_FIRST, _PURGE, _CREATE = 0, 1, 2


async def staged_posts(connection: asyncpg.Connection[Any]) -> list[NewPost]:
    """The posts in the staging table, in stream order, as they are where nothing is stored yet that concerns them."""
    return [_new_post(row) for row in await connection.fetch(load("post_staged"))]


async def judge_posts(
    connection: asyncpg.Connection[Any],
    news: Sequence[NewPost],
    *,
    mentions: Mapping[int, Sequence[int]],
    record_ops: Sequence[RecordOp],
    purges: Sequence[tuple[int, int]],
    deletes: bool,
    meanwhile: str,
) -> tuple[bytes, list[Notice]]:
    """Return the verdict byte of each op of the batch (see post_insert.sql) and the notifications that its posts cause.

    news: the staged posts. meanwhile: a statement without an answer that the database works on while they are judged.

    mentions: place -> accounts. record_ops: all other records, in stream order.
    purges: (place, account) of deleted accounts. deletes: whether the batch deletes posts.
    """
    if not news:
        await connection.fetch(meanwhile)
        return b"", []
    verdicts = bytearray(news[-1].place + 1)
    stored = {row["place"]: row for row in await connection.fetch(load("post_prefetch"))}
    early = [new.post.id for new in news if new.place in stored and stored[new.place]["has_replies"]]
    news = [_with_stored(new, stored[new.place]) if new.place in stored else new for new in news]
    known = Known()
    if any(new.post.parent is not None for new in news):
        for row in await connection.fetch(load("post_ancestors")):
            post = _post(row)
            known.posts[post.id] = post
    if early:
        await _read_descendants(connection, known, early)
    gone = [tuple(row) for row in await connection.fetch(load("post_delete_list"))] if deletes else []
    await read_gates(connection, known, BatchStream(news, mentions, record_ops, purges, gone))
    threads = Threads(known, verdicts)
    events: list[tuple[int, int, Any]] = [(new.place, _CREATE, new) for new in news]
    events += [(place, _DELETE_FIRST, (key, actor)) for place, key, actor in gone]
    events += [(place, _PURGE, actor) for place, actor in purges]
    if len(events) > len(news):
        events.sort(key=lambda event: event[:2])

    def judge() -> list[Notice]:
        for place, what, subject in events:
            if what == _CREATE:
                threads.add(subject, mentions.get(place, ()))
            elif what == _DELETE_FIRST:
                threads.delete(subject)
            else:
                threads.purge(subject)
        return threads.notices()

    notices = await beside(connection.fetch(meanwhile), judge)
    return bytes(verdicts), notices


def _new_post(row: Any) -> NewPost:
    (place, key, actor, sort_at, parent_key, parent_actor, root_key, root_actor, quote_key, quote_actor, flags,
     is_update) = row  # fmt: skip
    root = None if root_key is None else (root_key, root_actor)
    quote = None if quote_key is None else (quote_key, quote_actor)
    return NewPost(
        place,
        Post((key, actor), None if parent_key is None else (parent_key, parent_actor), root, flags, sort_at),
        quote,
        False,
        is_update,
        root if root is not None and root_key > 0 else None,
        quote if quote is not None and quote_key > 0 else None,
    )


def _with_stored(new: NewPost, row: Any) -> NewPost:
    """`new` with what post_prefetch.sql found."""
    thread_gate, post_gate = new.thread_gate, new.post_gate
    if row["thread_gate_key"] is not None:
        assert new.post.root is not None
        thread_gate = (row["thread_gate_key"], new.post.root[1])
    if row["post_gate_key"] is not None:
        assert new.quote is not None
        post_gate = (row["post_gate_key"], new.quote[1])
    return new._replace(stored=row["stored"], thread_gate=thread_gate, post_gate=post_gate)


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
