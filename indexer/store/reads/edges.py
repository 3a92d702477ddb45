"""Likes, reposts and follows: lists of them in order, and their records rebuilt (CIDs order lists and are shown)."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from indexer._fastpath import cbor
from indexer._fastpath.cid import CID
from indexer.records.collections import BLOCK, FOLLOW, LIKE, NSIDS, POST, REPOST, STARTER_PACK
from indexer.store.reads.cursors import Cursor, cut, place, read_page
from indexer.store.reads.database import Database, Row
from indexer.store.reads.keys import Key, KeyBook
from indexer.store.reads.spelling import cid_text, iso

#: In which collection a `via` key stands as a plain TID.
_VIA: Final = {LIKE: REPOST, REPOST: REPOST, FOLLOW: STARTER_PACK}


class Edge(msgspec.Struct, frozen=True, gc=False):
    """A like, repost or follow. `subject` is (key, actor) of a post or other record; of a follow (0, actor)."""

    kind: int
    rkey: int
    actor: int
    subject: Key
    sort_at: int
    created_at: int
    cid: str
    record: bytes

    @property
    def key(self) -> Key:
        return (self.rkey, self.actor)

    @property
    def place(self) -> str:
        """Where the edge stands among those of its time."""
        return place(self.cid, self.actor)


def edge_record(keys: KeyBook, kind: int, row: Row) -> bytes:
    """The bytes of the record that a row stands for.

    Columns: rkey, actor and did of the subject, created_at, via_key, via_did, via_cid, subject_cid (not of follows),
    extra. Rare keys must have been learned.
    """
    if row["extra"] is not None:
        return bytes(row["extra"])
    record: dict[str, Any] = {"$type": NSIDS[kind], "createdAt": iso(row["created_at"])}
    if kind in (FOLLOW, BLOCK):
        record["subject"] = row["did"]
    else:
        uri = f"at://{row['did']}/{keys.path(POST, row['rkey'])}"
        record["subject"] = {"cid": cid_text(row["subject_cid"]), "uri": uri}
    if row["via_key"] is not None:
        uri = f"at://{row['via_did']}/{keys.path(_VIA[kind], row['via_key'])}"
        record["via"] = {"cid": cid_text(row["via_cid"]), "uri": uri}
    return cbor.encode(record)


def edge_cid(keys: KeyBook, kind: int, row: Row) -> str:
    """The CID of that record."""
    return str(CID.of(edge_record(keys, kind, row)))


class Edges:
    """Reads lists of likes, reposts and follows."""

    def __init__(self, database: Database, keys: KeyBook) -> None:
        self._database = database
        self._keys = keys

    async def likes_of(
        self, subject: Key, cursor: Cursor | None, limit: int
    ) -> tuple[list[Edge], str | None]:
        """A page of the likes of a record, newest first, and the cursor after it."""
        return await self._page(LIKE, "likes_of", subject, cursor, limit)

    async def reposts_of(
        self, subject: Key, cursor: Cursor | None, limit: int
    ) -> tuple[list[Edge], str | None]:
        return await self._page(REPOST, "reposts_of", subject, cursor, limit)

    async def likes_by(self, actor: int, cursor: Cursor | None, limit: int) -> tuple[list[Edge], str | None]:
        return await self._page(LIKE, "likes_by", (actor,), cursor, limit)

    async def follows_by(
        self, actor: int, cursor: Cursor | None, limit: int
    ) -> tuple[list[Edge], str | None]:
        return await self._page(FOLLOW, "follows_by", (actor,), cursor, limit)

    async def blocks_by(self, actor: int, cursor: Cursor | None, limit: int) -> tuple[list[Edge], str | None]:
        return await self._page(BLOCK, "blocks_by", (actor,), cursor, limit)

    async def follows_of(
        self, actor: int, cursor: Cursor | None, limit: int
    ) -> tuple[list[Edge], str | None]:
        return await self._page(FOLLOW, "follows_of", (actor,), cursor, limit)

    async def by_key(self, kind: int, keys: list[Key]) -> list[Edge]:
        """Likes, reposts, follows or blocks by their own keys."""
        if not keys:
            return []
        rows = await self._database.rows(
            f"{NSIDS[kind].rsplit('.', 1)[1]}s_by_key", [key for key, _ in keys], [actor for _, actor in keys]
        )
        return await self.edges(kind, rows)

    async def _page(
        self, kind: int, question: str, about: tuple[int, ...], cursor: Cursor | None, limit: int
    ) -> tuple[list[Edge], str | None]:
        async def fetch(latest: int, count: int) -> list[Edge]:
            return await self.edges(kind, await self._database.rows(question, *about, latest, count))

        return cut(await read_page(fetch, cursor, limit + 1), limit)

    async def edges(self, kind: int, rows: list[Row]) -> list[Edge]:
        """Rows with the columns of `edge_record`, edge_rkey, edge_actor and sort_at as edges."""
        await self._keys.learn_rare(
            key for row in rows for key in (row["rkey"], row["edge_rkey"], row["via_key"]) if key is not None
        )
        return [self._edge(kind, row) for row in rows]

    def _edge(self, kind: int, row: Row) -> Edge:
        record = edge_record(self._keys, kind, row)
        return Edge(
            kind=kind,
            rkey=row["edge_rkey"],
            actor=row["edge_actor"],
            subject=(row["rkey"], row["actor"]),
            sort_at=row["sort_at"],
            created_at=row["created_at"],
            cid=str(CID.of(record)),
            record=record,
        )
