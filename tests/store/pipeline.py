"""Frames into a database through the real door and the real writer, in batches of any size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg

from indexer._fastpath.accounts import AccountTable
from indexer._fastpath.batch import Batch, decode
from indexer.store.deltas import Deltas
from indexer.store.intern import Interner
from indexer.store.pool import connect
from indexer.store.ready import ReadyBatch
from indexer.store.writer import Writer

NOW = 4_000_000_000_000


class Pipeline:
    """One ingest process without its sockets."""

    def __init__(self, url: str, *, keep_unknown: bool = False) -> None:
        self.url = url
        self.keep_unknown = keep_unknown
        self.writer = Writer(url)
        self.accounts = AccountTable()
        self.seq = 0

    async def __aenter__(self) -> Pipeline:
        await self.writer.open()
        self.connection: asyncpg.Connection[Any] = await connect(self.url)
        self.interner = Interner(self.connection)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.writer.close()
        await self.connection.close()

    async def prepare(self, frames: Sequence[bytes]) -> Batch:
        """Decode one batch and give its names ids."""
        batch = decode(list(frames), keep_unknown=self.keep_unknown, now=NOW)
        assert batch.error is None, batch.error
        for actor in await self.interner.actors(batch.unknown(self.accounts)):
            self.accounts.put(actor.did, actor.id, actor.rev, actor.data, actor.state, actor.signing_key)
        for path, id_ in (await self.interner.paths(batch.unknown_paths(self.accounts))).items():
            self.accounts.put_path(path, id_)
        batch.gate(self.accounts)
        batch.finish(self.accounts)
        return batch

    async def write(self, frames: Sequence[bytes]) -> Deltas:
        """Apply one batch."""
        batch = await self.prepare(frames)
        self.seq += 1
        deltas = await self.writer.apply(ReadyBatch(batch), "test", self.seq)
        self.accounts.committed(batch.generation)
        return deltas
