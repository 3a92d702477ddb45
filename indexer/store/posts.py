"""Reads what the posts of one batch need to be judged (records/threads.py), and judges them.

One query for the posts themselves, one for the posts above them; gates, replies that came early, follows and lists
are read only where
a post meets one. All reads happen before the batch changes anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg

from indexer.records.notices import Notice
from indexer.records.threads import Known, NewPost, Post, PostId, Threads
from indexer.store.batch import RecordOp
from indexer.store.gates import BatchStream, read_gates
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
    meanwhile: str,
) -> tuple[bytes, list[Notice]]:
    """Return the verdict byte of each op of the batch (see post_insert.sql) and the notifications that its posts cause.

    meanwhile: a statement without an answer that the database works on while the posts are judged here.

    mentions: place -> accounts. record_ops: all other records, in stream order.
    purges: (place, account) of deleted accounts. posts, deletes: whether the batch has posts, and deletions, at all.
    """
    rows = await connection.fetch(load("post_prefetch")) if posts else []
    if not rows:
        await connection.fetch(meanwhile)
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
    gone = [tuple(row) for row in await connection.fetch(load("post_delete_list"))] if deletes else []
    await read_gates(connection, known, BatchStream(news, mentions, record_ops, purges, gone))
    threads = Threads(known, verdicts)
    events: list[tuple[int, int, Any]] = [(new.place, _CREATE, new) for new in news]
    events += [(place, _DELETE_FIRST, (key, actor)) for place, key, actor in gone]
    events += [(place, _PURGE, actor) for place, actor in purges]
    if len(events) > len(news):
        events.sort(key=lambda event: event[:2])
    working = asyncio.ensure_future(connection.fetch(meanwhile))
    try:
        await asyncio.sleep(0)  # it is sent before anything is judged
        for place, what, subject in events:
            if what == _CREATE:
                threads.add(subject, mentions.get(place, ()))
            elif what == _DELETE_FIRST:
                threads.delete(subject)
            else:
                threads.purge(subject)
    finally:
        await working
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
