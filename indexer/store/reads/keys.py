"""Outer names <-> compact keys: DIDs, record keys and AT-URIs as the tables hold them.

An account's id and a rare key's id never change, so both are remembered for the life of the worker (bounded);
handles move between accounts and are asked each time. Refuses to create ids: what the store does not know is absent.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import NamedTuple

from indexer._fastpath import tid
from indexer.records.collections import CODES, NSIDS, POST
from indexer.store.reads.database import Database

#: An account's id and a record's key within a collection that the context tells: (key, actor).
Key = tuple[int, int]

#: A record in any collection: (collection code, key, actor).
RecordKey = tuple[int, int, int]


_POSTS = 50_000
"""So many posts' keys are remembered by their URIs."""


class UriParts(NamedTuple):
    """An AT-URI taken apart; `did` may be a handle where a client sent one."""

    did: str
    collection: str
    rkey: str


@lru_cache(maxsize=16_384)
def split_uri(uri: str) -> UriParts | None:
    """The parts of `at://authority/collection/rkey`; None for anything else (a bare authority, a fragment)."""
    if not uri.startswith("at://"):
        return None
    parts = uri[5:].split("/")
    if len(parts) != 3 or not all(parts):
        return None
    return UriParts(*parts)


class KeyBook:
    """The two-way mapping of one worker. Bounded: past `limit` names it starts afresh (they are cheap to ask)."""

    def __init__(self, database: Database, limit: int = 500_000) -> None:
        self._database = database
        self._limit = limit
        self._ids: dict[str, int] = {}
        self._rare_ids: dict[str, int] = {}
        self._rare_paths: dict[int, str] = {}
        self._post_keys: dict[str, Key] = {}

    async def ids_of_dids(self, dids: Iterable[str]) -> dict[str, int]:
        """The id of each of these DIDs that the store has heard of."""
        wanted = set(dids)
        known = {did: self._ids[did] for did in wanted if did in self._ids}
        missing = [did for did in wanted if did not in known]
        if missing:
            if len(self._ids) > self._limit:
                self._ids.clear()
            for row in await self._database.rows("ids_of_dids", missing):
                self._ids[row["did"]] = known[row["did"]] = row["id"]
        return known

    async def ids_of_handles(self, handles: Iterable[str]) -> dict[str, int]:
        """The id of each of these (lower-case) handles that is verified for an account."""
        wanted = list(set(handles))
        if not wanted:
            return {}
        return {row["handle"]: row["id"] for row in await self._database.rows("ids_of_handles", wanted)}

    async def ids_of_actors(self, names: Iterable[str]) -> dict[str, int]:
        """The id of each of these at-identifiers (DIDs or handles), by the name as it was given."""
        names = list(names)
        dids = await self.ids_of_dids(name for name in names if name.startswith("did:"))
        handles = await self.ids_of_handles(name.lower() for name in names if not name.startswith("did:"))
        found: dict[str, int] = {}
        for name in names:
            actor = dids.get(name) if name.startswith("did:") else handles.get(name.lower())
            if actor is not None:
                found[name] = actor
        return found

    def remember(self, did: str, actor: int) -> None:
        """Keep a pair that another question's answer carried along."""
        self._ids[did] = actor

    async def created_ids(self, dids: list[str]) -> dict[str, int]:
        """The id of each DID, given out now for those that the store has not heard of (private state may name them)."""
        known = await self.ids_of_dids(dids)
        missing = [did for did in dict.fromkeys(dids) if did not in known]
        if missing:
            created, _ = await self._database.create_ids(missing, [])
            self._ids.update(created)
            known.update(created)
        return known

    async def created_key(self, uri: str, subject: int | None = None) -> RecordKey | None:
        """The key of an AT-URI under a DID, given out now where the store has not heard of it; None for other URIs."""
        part = split_uri(uri)
        if part is None or not part.did.startswith("did:"):
            return None
        actor = (await self.created_ids([part.did]))[part.did]
        key = self._plain(part, subject)
        if key is None:
            path = f"{part.collection}/{part.rkey}"
            _, paths = await self._database.create_ids([], [path])
            key = paths[path]
            self._rare_paths[key] = path
        return (CODES.get(part.collection, 0), key, actor)

    # --- record keys ---------------------------------------------------------------------------------------------

    async def learn_rare(self, keys: Iterable[int]) -> None:
        """Ask for the paths of these negative keys, so that `rkey` can spell them."""
        missing = [key for key in set(keys) if key < 0 and key not in self._rare_paths]
        if not missing:
            return
        if len(self._rare_paths) > self._limit:
            self._rare_paths.clear()
        for row in await self._database.rows("rare_paths", missing):
            self._rare_paths[row["id"]] = row["path"]

    def rkey(self, key: int) -> str:
        """The record key's text. A negative key must have been learned by `learn_rare`."""
        return tid.to_text(key) if key >= 0 else self._rare_paths[key].rsplit("/", 1)[1]

    def path(self, collection: int, key: int) -> str:
        """`collection/rkey` as in an AT-URI; a rare key brings its own collection."""
        return f"{NSIDS[collection]}/{tid.to_text(key)}" if key >= 0 else self._rare_paths[key]

    async def keys_of_uris(self, uris: Iterable[str], subject: int | None = None) -> dict[str, RecordKey]:
        """The compact key of each AT-URI whose account (and rare key) the store knows; authorities may be handles.

        A key is that of the collection's own table; with `subject` (a collection's code) it is the key as a column
        that refers to that collection holds it: a TID only stands as such in that collection.
        """
        parts = {uri: split_uri(uri) for uri in uris}
        actors = await self.ids_of_actors({part.did for part in parts.values() if part})
        paths: set[str] = set()
        for part in parts.values():
            if part is not None and part.did in actors and self._plain(part, subject) is None:
                paths.add(f"{part.collection}/{part.rkey}")
        rare = await self.rare_keys(paths)
        found: dict[str, RecordKey] = {}
        for uri, part in parts.items():
            if part is None or part.did not in actors:
                continue
            code = CODES.get(part.collection, 0)
            key = self._plain(part, subject)
            if key is None:
                key = rare.get(f"{part.collection}/{part.rkey}")
            if key is not None:
                found[uri] = (code, key, actors[part.did])
        return found

    @staticmethod
    def _plain(part: UriParts, subject: int | None) -> int | None:
        code = CODES.get(part.collection, 0)
        if code == 0 or (subject is not None and code != subject):
            return None
        return tid.to_int(part.rkey)

    async def rare_keys(self, paths: set[str]) -> dict[str, int]:
        """The interned key of each `collection/rkey` that has one."""
        known = {path: self._rare_ids[path] for path in paths if path in self._rare_ids}
        missing = [path for path in paths if path not in known]
        if missing:
            if len(self._rare_ids) > self._limit:
                self._rare_ids.clear()
            for row in await self._database.rows("rare_ids", missing):
                self._rare_ids[row["path"]] = known[row["path"]] = row["id"]
                self._rare_paths[row["id"]] = row["path"]
        return known

    async def post_keys(self, uris: Collection[str]) -> dict[str, Key]:
        """The (key, actor) of each URI as a subject key: default collection app.bsky.feed.post."""
        known = self._post_keys
        found = {uri: known[uri] for uri in uris if uri in known}
        missing = [uri for uri in uris if uri not in found]
        if missing:
            if len(known) > _POSTS:
                known.clear()
            for uri, (_, key, actor) in (await self.keys_of_uris(missing, subject=POST)).items():
                found[uri] = (key, actor)
                # a handle may be another account's tomorrow, and paths of rare keys are forgotten at times
                if uri.startswith("at://did:") and key >= 0:
                    known[uri] = (key, actor)
        return found
