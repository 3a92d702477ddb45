"""Posts, with their counts, and which posts stand around them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from indexer.cache.counts import CountReader
from indexer.hydration.counts import POSTS, PageCounts
from indexer.hydration.rows import ABSENT, RowBook, ViewerRows, counts_subject, room_of
from indexer.hydration.state import Post, State
from indexer.store.reads.database import Database
from indexer.store.reads.keys import Key, split_uri


class Posts:
    """Adds them to a state. `counts`: those in the cache, None where caches are turned off."""

    def __init__(self, database: Database, book: RowBook, counts: CountReader | None) -> None:
        self._database = database
        self._book = book
        self._counts = counts

    async def read(self, state: State, wanted: set[Key], parents: bool) -> None:
        """These posts with their threads' first posts and what they quote; with `parents` also what they reply to."""
        kept = self._book.of(state.viewer, state.asker.version)
        missing = wanted if kept is None else _add_kept(state, kept, wanted, parents)
        if not missing:
            return
        token = self._book.messages
        ordered = list(missing)
        counts = PageCounts(self._database, None if kept is None else self._counts, POSTS)
        rows, _ = await asyncio.gather(
            self._database.rows(
                "posts", [key for key, _ in ordered], [actor for _, actor in ordered], parents
            ),
            counts.look_up(ordered),
        )
        posts = [Post(*row) for row in rows]
        counted = await counts.of([post.key for post in posts])
        for post in posts:
            post.likes, post.reposts, post.replies, post.quotes = counted[post.key]
            state.posts[post.key] = post
            if kept is not None:
                subjects = (post.key, counts_subject(post.key))
                kept.book.posts.put(post.key, post, token, subjects, room_of(post.record_bytes))
        if kept is not None:
            # what was asked for and did not come is not there
            for key in _add_kept(state, kept, wanted, parents):
                kept.book.posts.put(key, None, token, (key,))


def third_parties(state: State, post: Post) -> Iterable[int]:
    """Accounts whose blocks with a post's author decide how it is shown."""
    if post.parent_actor is not None:
        yield post.parent_actor
    if post.root_actor is not None:
        yield post.root_actor
    if post.quote_actor is not None:
        yield post.quote_actor
    elif state.uris and post.embeds_record:
        key = state.uris.get(embedded_uri(post.record.value()) or "")
        if key is not None:
            yield key[2]


def embedded_uri(record: dict[str, Any]) -> str | None:
    """The AT-URI of the record that a post's record embeds, alone or beside media."""
    embed = record.get("embed")
    if not isinstance(embed, dict):
        return None
    kind = embed.get("$type")
    if kind == "app.bsky.embed.recordWithMedia":
        embed = embed.get("record")
    elif kind != "app.bsky.embed.record":
        return None
    reference = embed.get("record") if isinstance(embed, dict) else None
    uri = reference.get("uri") if isinstance(reference, dict) else None
    return uri if isinstance(uri, str) and split_uri(uri) is not None else None


def gate_lists(gate: dict[str, Any]) -> list[str]:
    """The AT-URIs of the lists whose members a threadgate lets reply."""
    return [
        rule["list"]
        for rule in gate.get("allow") or ()
        if isinstance(rule, dict)
        and rule.get("$type") == "app.bsky.feed.threadgate#listRule"
        and "list" in rule
    ]


def _add_kept(state: State, kept: ViewerRows, wanted: set[Key], parents: bool) -> set[Key]:
    """Add the kept rows among what posts.sql would give for `wanted`; the keys that have to be read.

    The same walk as that statement's: roots (and parents), their roots, and what any of them quotes, two levels deep.
    """
    missing: set[Key] = set()

    def posts(keys: Iterable[Key | None]) -> list[Post]:
        found = []
        for key in keys:
            if key is None:
                continue
            post = state.posts.get(key)
            if post is None:
                row = kept.book.posts.get(key)
                if row is ABSENT:
                    missing.add(key)
                    continue
                if row is None:
                    continue
                state.posts[key] = post = row
            found.append(post)
        return found

    asked = posts(wanted)
    above = posts(post.root for post in asked if post.root_key is not None)
    if parents:
        above += posts(post.parent for post in asked)
    posts(post.root for post in above if post.root_key is not None)
    quoted = posts(post.quote for post in [*asked, *above])
    posts(post.quote for post in quoted)
    return missing
