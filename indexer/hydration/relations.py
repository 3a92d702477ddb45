"""How the viewer stands to accounts, and what the viewer has put on posts."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from indexer.hydration.own import Own
from indexer.hydration.rows import ABSENT, RowBook, ViewerRows, relation_subjects
from indexer.hydration.state import Post, PostMarks, Relation, State
from indexer.store.reads.database import Database
from indexer.store.reads.keys import Key, KeyBook


class Relations:
    """Adds them to a state: from what is kept, from all that the viewer did where it is little, or from Postgres."""

    def __init__(self, database: Database, keys: KeyBook, book: RowBook, own: Own) -> None:
        self._database = database
        self._keys = keys
        self._book = book
        self._own = own

    async def read_marks(self, state: State, keys: Collection[Key]) -> None:
        """Add what the viewer has put on these posts; posts that were not read may be left out."""
        viewer = state.viewer
        if viewer is None or not keys:
            return
        kept = self._book.of(state.viewer, state.asker.version)
        own = None if kept is None else await self._own.marks(kept, viewer)
        if own is not None and not own.muted_threads:
            state.marks.update((key, mark) for key in keys if (mark := own.of_key(key)) is not None)
            return
        token = self._book.messages
        wanted: list[Post] = []
        for key in keys:
            row = ABSENT if kept is None else kept.marks.get(key)
            if row is ABSENT:
                post = state.posts.get(key) or (None if kept is None else kept.book.posts.get(key))
                if isinstance(post, Post):
                    wanted.append(post)
            elif row is not None:
                state.marks[key] = row
        if not wanted:
            return
        if kept is not None and own is not None:
            for post in wanted:
                mark = own.on(post)
                kept.marks.put(post.key, mark, token, (post.key,))
                if mark is not None:
                    state.marks[post.key] = mark
            return
        roots = [post.root for post in wanted]
        rows = await self._database.rows(
            "post_marks",
            [post.rkey for post in wanted],
            [post.actor for post in wanted],
            [key for key, _ in roots],
            [actor for _, actor in roots],
            viewer,
        )
        await self._keys.learn_rare(
            key for row in rows for key in (row["like"], row["repost"]) if key is not None
        )
        found = {(row["rkey"], row["actor"]): PostMarks(*row) for row in rows}
        state.marks.update(found)
        if kept is not None:
            for post in wanted:
                kept.marks.put(post.key, found.get(post.key), token, (post.key,))

    async def read(self, state: State, actors: Iterable[int]) -> None:
        """Add how the viewer and these accounts stand to one another."""
        viewer = state.viewer
        if viewer is None:
            return
        wanted = [actor for actor in actors if actor != viewer and actor not in state.relations]
        kept = self._book.of(state.viewer, state.asker.version)
        if kept is not None:
            wanted = await self._add_kept_relations(state, kept, viewer, wanted)
        if not wanted:
            return
        token = self._book.messages
        negative: set[int] = set()
        for found in await self._database.rows("relations", wanted, viewer):
            relation = Relation(*found)
            state.relations[relation.actor] = relation
            for key in (relation.blocking, relation.blocked_by, relation.following, relation.followed_by):
                if key is not None and key < 0:
                    negative.add(key)
            if kept is not None:
                subjects = relation_subjects(viewer, relation.actor, relation.list_owners)
                kept.relations.put(relation.actor, relation, token, subjects)
        await self._keys.learn_rare(negative)

    async def _add_kept_relations(
        self, state: State, kept: ViewerRows, viewer: int, wanted: list[int]
    ) -> list[int]:
        """Add what is kept of the viewer's relations; the accounts to which they have to be asked for."""
        missing = []
        for actor in wanted:
            row = kept.relations.get(actor)
            if row is None or row is ABSENT:
                missing.append(actor)
            else:
                state.relations[actor] = row
        own = await self._own.relations(kept, viewer) if missing else None
        if own is None:
            return missing
        unknown = []
        for actor in missing:
            relation = own.relation(kept, actor)
            if relation is None:
                unknown.append(actor)
            else:
                state.relations[actor] = relation
                kept.relations.put(actor, relation, own.token, relation_subjects(viewer, actor, ()))
        return unknown
