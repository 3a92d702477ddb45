"""Threads that a worker keeps: which posts stand in them, and which of these their first post's author likes."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Final

from indexer.hydration.rows import ABSENT, RowBook, ViewerRows, counts_subject
from indexer.hydration.state import Asker, Key, Post, State
from indexer.store.reads.database import Database
from indexer.store.reads.threads import Thread, Threads

MOST_POSTS: Final = 300
"""Threads with more posts are not kept."""


class KeptThreads:
    """Threads from memory, where it says what they are."""

    def __init__(self, threads: Threads, book: RowBook) -> None:
        self._threads = threads
        self._book = book

    async def counted(self, asker: Asker, anchor: Key, height: int, depth: int) -> Thread:
        """A post's thread as `Threads.around` gives it. Replies that their parent does not count, which a gate keeps
        out, may be missing.
        """
        book = self._book
        if book.of(asker.viewer, asker.version) is None:
            return await self._threads.around(anchor, height, depth)
        key = ("thread", anchor, height, depth)
        known = book.pages.get(key)
        if isinstance(known, Thread):
            return known
        token = book.messages
        found = await self._threads.around(anchor, height, depth)
        posts = [*found.ancestors, *found.replies]
        if len(posts) <= MOST_POSTS:
            # a reply that comes or goes changes its parent's count
            subjects: set[Hashable] = {anchor, *posts, *map(counts_subject, posts)}
            if found.missing is not None:
                subjects.add(found.missing)
            book.pages.put(key, found, token, tuple(subjects), 300 * len(posts))
        return found


async def read_root_likes(
    database: Database, book: RowBook, state: State, kept: ViewerRows | None, posts: Iterable[Post]
) -> None:
    """Add the likes on these posts by the authors of their threads' first posts. Raises StoreError."""
    wanted = []
    for post in posts:
        found = ABSENT if kept is None else book.root_likes.get(post.key)
        if found is ABSENT:
            wanted.append(post)
        elif found is not None:
            state.root_likes[post.key] = found
    if not wanted:
        return
    token = book.messages
    rows = await database.rows(
        "root_likes",
        [post.rkey for post in wanted],
        [post.actor for post in wanted],
        [post.root[1] for post in wanted],
    )
    await state.spelling.learn_rare(row["rkey"] for row in rows)
    likes = {(row["subject_key"], row["subject_actor"]): row["rkey"] for row in rows}
    state.root_likes.update(likes)
    if kept is not None:
        for post in wanted:
            # a like changes the post's counts
            subjects = (post.key, counts_subject(post.key))
            book.root_likes.put(post.key, likes.get(post.key), token, subjects)
