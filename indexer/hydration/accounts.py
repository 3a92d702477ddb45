"""Accounts, what trusted verifiers say of them, and blocks between two of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from indexer.hydration.relations import Relations
from indexer.hydration.rows import ABSENT, RowBook, ViewerRows, pair_subjects, room_of
from indexer.hydration.state import Actor, PairBlocks, State, Verification
from indexer.store.reads.database import Database
from indexer.store.reads.keys import KeyBook


class Accounts:
    """Adds them to a state. `trusted_verifiers`: DIDs whose verification records count."""

    def __init__(
        self,
        database: Database,
        keys: KeyBook,
        book: RowBook,
        relations: Relations,
        trusted_verifiers: Sequence[str],
    ) -> None:
        self._database = database
        self._keys = keys
        self._book = book
        self._relations = relations
        self._trusted_dids = tuple(trusted_verifiers)

    async def read(self, state: State, actors: set[int]) -> None:
        """Accounts, and how the viewer stands to them."""
        added = [actor for actor in actors if actor not in state.actors]
        kept = self._book.of(state.viewer, state.asker.version)
        wanted = added if kept is None else _add_kept_actors(state, kept, added)
        if wanted or (added and self._trusted_dids):
            await asyncio.gather(
                self._read_accounts(state, kept, added, wanted), self._relations.read(state, added)
            )
        elif added:  # with nothing to wait for, tasks would take most of the time
            await self._relations.read(state, added)

    async def _read_accounts(
        self, state: State, kept: ViewerRows | None, added: list[int], wanted: list[int]
    ) -> None:
        if wanted:
            token = self._book.messages
            for row in await self._database.rows("actors", wanted):
                actor = Actor(*row)
                state.actors[actor.id] = actor
                self._keys.remember(actor.did, actor.id)
                if kept is not None:
                    kept.book.actors.put(actor.id, actor, token, (actor.id,), room_of(actor.profile_record))
        if self._trusted_dids:
            await self._read_verifications(state, added)

    async def _read_verifications(self, state: State, actors: list[int]) -> None:
        trusted = await self._keys.ids_of_dids(self._trusted_dids)
        state.trusted_verifiers = frozenset(trusted.values())
        rows = await self._database.rows("verifications", actors, list(trusted.values()))
        await self._keys.learn_rare(row["key"] for row in rows)
        for row in rows:
            verification = Verification(*row)
            state.verifications.setdefault(verification.subject, []).append(verification)

    async def read_pairs(self, state: State, pairs: set[tuple[int, int]]) -> None:
        """Blocks between the two accounts (smaller id first) of each pair."""
        wanted = [pair for pair in pairs if pair not in state.pair_blocks]
        if not wanted:
            return
        kept = self._book.of(state.viewer, state.asker.version)
        if kept is not None:
            for pair in wanted:
                found = kept.book.pairs.get(pair)
                if found is not None and found is not ABSENT:
                    state.pair_blocks[pair] = found
            wanted = [pair for pair in wanted if pair not in state.pair_blocks]
            if not wanted:
                return
        token = self._book.messages
        rows = await self._database.rows(
            "blocks_between", [one for one, _ in wanted], [other for _, other in wanted]
        )
        for row in rows:
            blocks = PairBlocks(*row)
            pair = (blocks.one, blocks.other)
            state.pair_blocks[pair] = blocks
            if kept is not None:
                kept.book.pairs.put(pair, blocks, token, pair_subjects(pair, blocks.list_owners))


def _add_kept_actors(state: State, kept: ViewerRows, wanted: list[int]) -> list[int]:
    """Add the kept rows of accounts; the ids that have to be read."""
    missing = []
    for actor in wanted:
        row = kept.book.actors.get(actor)
        if row is ABSENT:
            missing.append(actor)
        elif row is not None:
            state.actors[actor] = row
    return missing
