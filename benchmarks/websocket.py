"""How many messages per second of one core each WebSocket client receives, over ws and wss, on the same frames.

    python -m benchmarks.websocket [--frames FILE] [--seconds S] [--rounds N] [--json] [--brief]

A sender in a process of its own writes frames as fast as they are taken. Each client runs in a fresh process; counted
is the CPU time (user and system) that this process spends between its first and its last message, so that waiting for
the sender costs nothing. The best of the rounds counts for every client; clients take turns within a round.

What the comparison favours: loopback and one connection (large reads are easy), a consumer that does nothing. Every
client delivers each message as `bytes`; ours also tells control frames apart, counts, and bounds memory by bytes.
`--brief` runs only ours and the one we are compared with, and fails where a ratio is far from its target.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import logging
import multiprocessing
import random
import socket
import ssl
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import structlog
import trio
import trio_websocket
from rich.console import Console
from rich.table import Table

from benchmarks._certificate import write_certificate
from benchmarks._report import (
    SHARED_VECTORS,
    Ratio,
    exit_status,
    machine,
    print_json,
    print_ratios,
    print_setting,
    versions,
)
from indexer.firehose import FirehoseOptions, Follower, FrameBatch, FramesReader, Upstream

MAX_MESSAGE_BYTES = 5_000_000
_BLOB_BYTES = 16 << 20
_ACCEPT_SALT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


@dataclass(frozen=True)
class Target:
    """Where a client is to connect; `certificate` is the authority to trust for wss, None for ws."""

    port: int
    certificate: str | None

    @property
    def url(self) -> str:
        return f"{'wss' if self.certificate else 'ws'}://localhost:{self.port}/"

    def context(self) -> ssl.SSLContext | None:
        return ssl.create_default_context(cafile=self.certificate) if self.certificate else None


class Count:
    """Messages, and the CPU and wall-clock time between the first call of `add` and the one that ends the run."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._began: float | None = None
        self.messages = 0
        self.cpu = self.wall = 0.0

    def add(self, messages: int) -> bool:
        """Count messages that have just come; whether that is enough. Reading the CPU clock can take as long as
        receiving hundreds of messages, so that is done twice in all."""
        now = time.perf_counter()
        if self._began is None:
            self._began, self.cpu = now, time.process_time()
            return False
        self.messages += messages
        self.wall = now - self._began
        if self.wall < self._seconds:
            return False
        self.cpu = time.process_time() - self.cpu
        return True


# --- clients -------------------------------------------------------------------------------------------------


def ours(target: Target, count: Count, fast_path: bool = True) -> None:
    async def main() -> None:
        send, receive = trio.open_memory_channel[FrameBatch](0)
        options = FirehoseOptions(fast_path=fast_path, ssl_context=target.context(), close_timeout=0.1)
        upstream = Upstream("wss" if target.certificate else "ws", "localhost", target.port, "/")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(Follower(upstream, lambda: None, send, options).run)
            async for batch in receive:
                if count.add(len(batch.frames)):
                    nursery.cancel_scope.cancel()
                    return

    trio.run(main)


def ours_plain(target: Target, count: Count) -> None:
    ours(target, count, fast_path=False)


def trio_websocket_client(target: Target, count: Count, read_bytes: int = 64 << 10, queue: int = 64) -> None:
    async def main() -> None:
        async with trio_websocket.open_websocket_url(
            target.url,
            target.context(),
            message_queue_size=queue,
            max_message_size=MAX_MESSAGE_BYTES,
            receive_buffer_size=read_bytes,
            disconnect_timeout=0.1,
        ) as connection:
            pending = 0
            while True:
                assert isinstance(await connection.get_message(), bytes)
                pending += 1
                if pending == 50:
                    if count.add(pending):
                        return
                    pending = 0

    try:
        trio.run(main)
    except trio_websocket.DisconnectionTimeout:
        return


def trio_websocket_as_is(target: Target, count: Count) -> None:
    trio_websocket_client(target, count, read_bytes=4 << 10, queue=1)


def websockets_client(target: Target, count: Count) -> None:
    import uvloop
    from websockets.asyncio.client import connect

    async def main() -> None:
        connection = await connect(
            target.url, ssl=target.context(), max_size=MAX_MESSAGE_BYTES, compression=None, max_queue=64
        )
        pending = 0
        while True:
            assert isinstance(await connection.recv(), bytes)
            pending += 1
            if pending == 50:
                if count.add(pending):
                    connection.transport.abort()
                    return
                pending = 0

    uvloop.run(main())


def picows_client(target: Target, count: Count) -> None:
    import picows
    import uvloop

    class Listener(picows.WSListener):
        def __init__(self) -> None:
            self.pending = 0

        def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
            assert frame.get_payload_as_bytes() is not None
            self.pending += 1
            if self.pending == 50:
                if count.add(self.pending):
                    transport.disconnect(graceful=False)
                self.pending = 0

    async def main() -> None:
        transport, _ = await picows.ws_connect(
            Listener, target.url, ssl_context=target.context(), max_frame_size=MAX_MESSAGE_BYTES
        )
        await transport.wait_disconnected()

    uvloop.run(main())


CLIENTS: dict[str, tuple[Callable[[Target, Count], None], str]] = {
    "ours": (ours, ""),
    "ours, plain path": (ours_plain, "Trio's TLS"),
    "trio-websocket, 64 KB reads": (trio_websocket_client, ""),
    "trio-websocket as is": (trio_websocket_as_is, "4 KB reads, queue of 1"),
    "websockets (uvloop)": (websockets_client, "C extension"),
    "picows (uvloop)": (picows_client, "callbacks, no queue, no bound"),
}
_REFERENCE = "trio-websocket, 64 KB reads"
_TARGETS = {"ws": 10.0, "wss": 8.0}
_PACKAGES = ("trio", "trio-websocket", "wsproto", "websockets", "picows", "uvloop")


# --- the sender ----------------------------------------------------------------------------------------------


def websocket_frame(message: bytes) -> bytes:
    size = len(message)
    if size <= 125:
        return bytes((0x82, size)) + message
    if size <= 0xFFFF:
        return b"\x82\x7e" + size.to_bytes(2, "big") + message
    return b"\x82\x7f" + size.to_bytes(8, "big") + message


def send_forever(listener: socket.socket, certificate: str | None, frames: list[bytes]) -> None:
    """Serve one connection after the other: the handshake, then the frames over and over until the client leaves."""
    wire = b"".join(map(websocket_frame, frames))
    blob = wire * max(1, _BLOB_BYTES // len(wire))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if certificate else None
    if context is not None and certificate is not None:
        context.load_cert_chain(certificate)
    while True:
        connection, _ = listener.accept()
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if context is not None:
                connection = context.wrap_socket(connection, server_side=True)
            with connection:
                connection.sendall(_switching_protocols(connection))
                while True:
                    connection.sendall(blob)
        except OSError:
            continue


def _switching_protocols(connection: socket.socket) -> bytes:
    request = b""
    while b"\r\n\r\n" not in request:
        request += connection.recv(65536)
    key = next(
        line.split(b":", 1)[1].strip()
        for line in request.split(b"\r\n")
        if line.lower().startswith(b"sec-websocket-key:")
    )
    accept = base64.b64encode(hashlib.sha1(key + _ACCEPT_SALT).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )


# --- the run -------------------------------------------------------------------------------------------------


def measure(name: str, target: Target, seconds: float, answer: Connection) -> None:
    """In a process of its own: receive for so long, then answer with (messages per CPU second, share of a core)."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    count = Count(seconds)
    CLIENTS[name][0](target, count)
    answer.send((count.messages / count.cpu, count.cpu / count.wall))


def load_frames(path: Path | None) -> tuple[list[bytes], str]:
    """The frames to send and where they come from: FILE, the shared relay frames, or noise of their sizes."""
    shared = SHARED_VECTORS / "relay-frames" / "frames.zst"
    path = path or (shared if shared.exists() else None)
    if path is not None:
        with FramesReader(path) as reader:
            return [frame for batch in reader.batches(4096, 1 << 24) for frame in batch], path.name
    generator = random.Random(1)
    header = b"\xa2atg#commitbop\x01"
    sizes = [min(9000, max(400, round(generator.gauss(5459, 1500)))) for _ in range(150)]
    return [
        header + generator.randbytes(size - len(header)) for size in sizes
    ], "generated, sizes of relay frames"


def run_scheme(
    names: list[str], frames: list[bytes], certificate: str | None, seconds: float, rounds: int
) -> dict[str, float]:
    processes = multiprocessing.get_context("spawn")
    best = dict.fromkeys(names, 0.0)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        target = Target(listener.getsockname()[1], certificate)
        sender = processes.Process(target=send_forever, args=(listener, certificate, frames), daemon=True)
        sender.start()
        try:
            for _ in range(rounds):
                for name in names:
                    ours_end, theirs = processes.Pipe(duplex=False)
                    client = processes.Process(target=measure, args=(name, target, seconds, theirs))
                    client.start()
                    theirs.close()
                    try:
                        rate, _ = ours_end.recv()
                    except EOFError:
                        sys.exit(f"{name} failed")
                    client.join()
                    best[name] = max(best[name], rate)
        finally:
            sender.terminate()
            sender.join()
    return best


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--frames", type=Path, help="frames file to send (default: the shared relay frames)")
    parser.add_argument("--seconds", type=float, default=1.5, help="for each client, scheme and round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout and nothing else")
    parser.add_argument(
        "--brief", action="store_true", help="some seconds only; exit status 1 if a ratio collapsed"
    )
    arguments = parser.parse_args()
    names, seconds, rounds = list(CLIENTS), arguments.seconds, arguments.rounds
    if arguments.brief:
        names, seconds, rounds = ["ours", _REFERENCE], 0.3, 1
    frames, source = load_frames(arguments.frames)
    with tempfile.TemporaryDirectory() as directory:
        certificate = write_certificate(Path(directory))
        results = {
            "ws": run_scheme(names, frames, None, seconds, rounds),
            "wss": run_scheme(names, frames, str(certificate), seconds, rounds),
        }
    ratios = [
        Ratio(f"{scheme}_vs_trio_websocket", rates["ours"] / rates[_REFERENCE], _TARGETS[scheme])
        for scheme, rates in results.items()
    ]
    mean = sum(map(len, frames)) / len(frames)
    if arguments.json:
        details = {
            "messages_per_cpu_second": results,
            "frames": source,
            "mean_bytes": mean,
            "machine": machine(),
            "versions": versions(_PACKAGES),
        }
        print_json(ratios, details)
    else:
        print_clients(results, f"{source}, {mean:,.0f} bytes on average")
        print_ratios(ratios)
        print_setting("CPU time of the receiving process, user and system; the best of all rounds", _PACKAGES)
    return exit_status(ratios) if arguments.brief else 0


def print_clients(results: dict[str, dict[str, float]], frames: str) -> None:
    table = Table(title=f"messages received per second of one core ({frames})", title_justify="left")
    for column in ("client", "ws", "ours is", "wss", "ours is", "notes"):
        table.add_column(column, justify="left" if column in ("client", "notes") else "right")
    for name in results["ws"]:
        cells = [
            f"{results[s][name]:,.0f}|{results[s]['ours'] / results[s][name]:.1f} x" for s in ("ws", "wss")
        ]
        table.add_row(name, *"|".join(cells).split("|"), CLIENTS[name][1])
    Console(width=150).print(table)


if __name__ == "__main__":
    sys.exit(main())
