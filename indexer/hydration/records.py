"""Generators, lists, starter packs, labelers and other records that are neither posts nor edges."""

from __future__ import annotations

import asyncio
from typing import Final

from indexer.hydration.accounts import Accounts
from indexer.hydration.state import ListState, Record, State
from indexer.records.collections import GENERATOR, LABELER_SERVICE, LIST, NSIDS, STARTER_PACK
from indexer.store.reads.database import Database
from indexer.store.reads.keys import Key, KeyBook, RecordKey

EMBEDDED: Final = frozenset({GENERATOR, LIST, LABELER_SERVICE, STARTER_PACK})
"""Collections whose records are embedded in posts beside posts themselves."""

_LIKED = frozenset({GENERATOR, LIST, LABELER_SERVICE})
"""Collections that are liked like posts; their likes are counted under an interned key."""


class Records:
    """Adds them to a state."""

    def __init__(self, database: Database, keys: KeyBook, accounts: Accounts) -> None:
        self._database = database
        self._keys = keys
        self._accounts = accounts

    async def add_uris(self, state: State, uris: set[str]) -> None:
        """The records with these AT-URIs that views embed, and their creators."""
        found = await self._keys.keys_of_uris(uris)
        state.uris.update(found)
        wanted = {key for key in found.values() if key[0] in EMBEDDED}
        await asyncio.gather(
            self.read(state, wanted),
            self._accounts.read(state, {actor for _, _, actor in wanted}),
        )

    async def read(self, state: State, keys: set[RecordKey]) -> None:
        """The records with these keys, with the sizes of lists and who joined by starter packs."""
        wanted = [key for key in keys if key not in state.records]
        if not wanted:
            return
        await self._keys.learn_rare(key for _, key, _ in wanted)
        like_keys = await self._like_keys(wanted)
        lists = [(key, actor) for kind, key, actor in wanted if kind == LIST]
        packs = [(key, actor) for kind, key, actor in wanted if kind == STARTER_PACK]
        rows, _, _ = await asyncio.gather(
            self._database.rows(
                "records",
                [kind for kind, _, _ in wanted],
                [key for _, key, _ in wanted],
                [actor for _, _, actor in wanted],
                [like_keys.get(key) for key in wanted],
                state.viewer,
            ),
            self._read_list_states(state, lists),
            self._read_pack_joins(state, packs),
        )
        await self._keys.learn_rare(row["viewer_like"] for row in rows if row["viewer_like"] is not None)
        for row in rows:
            record = Record(*row)
            state.records[(record.kind, record.key, record.actor)] = record

    async def _like_keys(self, keys: list[RecordKey]) -> dict[RecordKey, int]:
        """The key under which likes of these records name them: that of a post would stand for a post."""
        paths = {key: f"{NSIDS[key[0]]}/{self._keys.rkey(key[1])}" for key in keys if key[0] in _LIKED}
        rare = await self._keys.rare_keys(set(paths.values()))
        return {key: rare[path] for key, path in paths.items() if path in rare}

    async def _read_list_states(self, state: State, lists: list[Key]) -> None:
        if not lists:
            return
        rows = await self._database.rows(
            "list_states", [key for key, _ in lists], [actor for _, actor in lists], state.viewer
        )
        await self._keys.learn_rare(row["blocked"] for row in rows if row["blocked"] is not None)
        for row in rows:
            found = ListState(*row)
            state.lists[(found.key, found.actor)] = found

    async def _read_pack_joins(self, state: State, packs: list[Key]) -> None:
        if not packs:
            return
        rows = await self._database.rows(
            "pack_joins", [key for key, _ in packs], [actor for _, actor in packs]
        )
        for row in rows:
            state.pack_joins[(row["key"], row["actor"])] = (row["all_time"], row["week"])
