"""The real `indexer ingest` as a process that can be killed, and a relay that misbehaves on purpose."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import trio
from trio_websocket import ConnectionClosed, WebSocketRequest, serve_websocket

from indexer._fastpath.batch import decode

COMMAND = [sys.executable, "-c", "import sys; from indexer.cli import main; sys.exit(main())"]


def ingest(directory: Path, postgres_url: str, relay_url: str, **settings: str) -> subprocess.Popen[bytes]:
    """Start an ingest process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {name: value for name, value in os.environ.items() if not name.startswith("INDEXER_")}
    environment = {
        **own,
        "INDEXER_STATE_DIR": str(directory / "state"),
        "INDEXER_POSTGRES_URL": postgres_url,
        "INDEXER_REDIS_URL": "redis://127.0.0.1:1",
        "INDEXER_CACHE_ENABLED": "false",
        "INDEXER_UPSTREAMS": relay_url,
        "INDEXER_PLC_URL": relay_url.replace("ws://", "http://"),
        "INDEXER_ALLOW_PRIVATE_HOSTS": "true",
        "INDEXER_VERIFY": "hashes",
        "INDEXER_METRICS_PORT": str(port),
        "INDEXER_LOG_LEVEL": "error",
        **settings,
    }
    with (directory / "ingest.log").open("ab") as log:
        return subprocess.Popen([*COMMAND, "ingest"], env=environment, stdout=log, stderr=log)


async def durable(url: str) -> int:
    """The sequence number up to which everything is durable; 0 while the database is away."""
    try:
        connection = await asyncpg.connect(url, timeout=5)
    except (OSError, asyncpg.PostgresError):
        return 0
    try:
        return await connection.fetchval("SELECT coalesce(max(seq), 0) FROM cursor") or 0
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return 0
    finally:
        connection.terminate()


class Relay:
    """Plays frames from a cursor on, at a rate. `hostile`: repeats old ones, and breaks connections, also in the
    middle of a frame.
    """

    def __init__(self, frames: Sequence[bytes], *, rate: float, hostile: bool = False, seed: int = 0) -> None:
        self._frames = [(decode([frame], now=4_000_000_000_000).last_seq, frame) for frame in frames]
        self._rate = rate
        self._hostile = hostile
        self._random = random.Random(seed)
        self.connections = 0
        self.url = ""

    @property
    def last_seq(self) -> int:
        """The sequence number of the last frame."""
        return self._frames[-1][0]

    def seq_at(self, place: int) -> int:
        """The sequence number of a frame by its place."""
        return self._frames[place][0]

    @contextmanager
    def serving(self) -> Iterator[Relay]:
        """Serve in a thread of its own."""
        started: list[Any] = []

        async def main() -> None:
            async with trio.open_nursery() as nursery:
                server = await nursery.start(serve_websocket, self._serve, "127.0.0.1", 0, None)
                self.url = f"ws://127.0.0.1:{server.port}"
                started.append((trio.lowlevel.current_trio_token(), nursery.cancel_scope))

        thread = Thread(target=trio.run, args=(main,), daemon=True)
        thread.start()
        while not started:
            time.sleep(0.01)
        try:
            yield self
        finally:
            token, scope = started[0]
            token.run_sync_soon(scope.cancel)
            thread.join(10)

    async def _serve(self, request: WebSocketRequest) -> None:
        self.connections += 1
        query = parse_qs(urlsplit(request.path).query)
        cursor = int(query.get("cursor", ["0"])[0])
        websocket = await request.accept()
        try:
            for place, (seq, frame) in enumerate(self._frames):
                if seq <= cursor:
                    continue
                if self._hostile:
                    if place and self._random.random() < 0.2:  # an old one again
                        await websocket.send_message(self._frames[self._random.randrange(place)][1])
                    if self._random.random() < 0.01:
                        await self._break_off(websocket, frame)
                        return
                await websocket.send_message(frame)
                await trio.sleep(1 / self._rate)
            await trio.sleep_forever()
        except ConnectionClosed:
            return

    async def _break_off(self, websocket: Any, frame: bytes) -> None:
        """End the TCP connection after a part of a frame."""
        half = bytes((0x82, 126)) + len(frame).to_bytes(2, "big") + frame[: len(frame) // 2]
        await websocket._stream.send_all(half)
        await trio.aclose_forcefully(websocket._stream)
