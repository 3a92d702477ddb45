"""Big simulated streams into files, for load tests: several processes share the accounts and give one stream.

Each worker follows all of the traffic and builds the frames of its own accounts; they are put in order here. The
file's bytes depend on the seed, the accounts and the limit, not on the number of workers.
"""

from __future__ import annotations

import multiprocessing
import struct
from array import array
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from indexer.errors import ConfigError

from .files import FrameFile, write_documents
from .network import Network
from .population import Population

BLOCK_EVENTS = 2048
RECORDS_LIMIT = 400
"""The most records that a repository of a bulk stream holds, so that proofs stay short (a frame of 2 to 3 KB)."""

_HEADER = struct.Struct("<I")


class BulkResult(NamedTuple):
    """What was written."""

    frames: int
    frame_bytes: int
    documents: int


class _Share(NamedTuple):
    """One worker's part of a stream."""

    seed: int
    accounts: int
    events: int
    records_limit: int | None
    worker: int
    workers: int


def documents_path(path: Path) -> Path:
    """Where the DID documents of a frames file lie: `x.frames.zst` -> `x.did_docs.json.zst`."""
    compressed = ".zst" if path.suffix == ".zst" else ""
    stem = path.name.removesuffix(".zst").removesuffix(".frames")
    return path.with_name(f"{stem}.did_docs.json{compressed}")


def simulate_to_file(
    path: Path,
    events: int,
    accounts: int,
    seed: int = 0,
    *,
    workers: int = 2,
    records_limit: int | None = RECORDS_LIMIT,
    progress: Callable[[int], None] = lambda events: None,
) -> BulkResult:
    """Write the first `events` frames of a network to a file, and its DID documents beside it (`documents_path`).

    Both are compressed if the name ends in `.zst`. `progress` is called with how many more events are written. Raises
    ConfigError if the accounts have no room for so many events, and OSError if the files cannot be written.
    """
    population = Population(seed, accounts)
    room = accounts * records_limit if records_limit is not None else events
    if events > room:
        raise ConfigError(
            f"expected at most {room} events for {accounts} accounts of {records_limit} records, got {events}"
        )
    size = 0
    with FrameFile(path) as file:
        for frames in merged_blocks(seed, accounts, events, workers, records_limit):
            file.write(frames)
            size += sum(map(len, frames))
            progress(len(frames))
    write_documents(
        documents_path(path), (population.identity(number).document() for number in range(accounts))
    )
    return BulkResult(events, size, accounts)


def merged_blocks(
    seed: int, accounts: int, events: int, workers: int, records_limit: int | None
) -> Iterator[list[bytes]]:
    """The stream in lists of frames, built by so many processes (one: by this one)."""
    if workers == 1:
        network = Network(seed, accounts, keep_records=False, records_limit=records_limit)
        for start in range(0, events, BLOCK_EVENTS):
            yield list(network.frames(min(BLOCK_EVENTS, events - start)))
        return
    context = multiprocessing.get_context("spawn")
    with ExitStack() as stack:
        pipes = []
        for worker in range(workers):
            receiver, sender = context.Pipe(duplex=False)
            share = _Share(seed, accounts, events, records_limit, worker, workers)
            process = context.Process(target=_work, args=(sender, share), daemon=True)
            process.start()
            sender.close()
            stack.callback(_end, process)
            pipes.append(stack.enter_context(receiver))
        for start in range(0, events, BLOCK_EVENTS):
            block: list[bytes] = [b""] * min(BLOCK_EVENTS, events - start)
            for pipe in pipes:
                try:
                    _unpack(pipe.recv_bytes(), block)
                except EOFError:
                    raise RuntimeError(f"a worker died after event {start}") from None
            yield block


def _end(process: multiprocessing.process.BaseProcess) -> None:
    process.terminate()
    process.join()


def _work(sender: Connection, share: _Share) -> None:
    """A worker's life: its frames of each block, packed."""
    network = Network(
        share.seed,
        share.accounts,
        keep_records=False,
        records_limit=share.records_limit,
        worker=share.worker,
        workers=share.workers,
    )
    with sender:
        for start in range(0, share.events, BLOCK_EVENTS):
            places, lengths, frames = array("H"), array("I"), []
            for place in range(min(BLOCK_EVENTS, share.events - start)):
                frame = network.next_frame()
                if frame is not None:
                    places.append(place)
                    lengths.append(len(frame))
                    frames.append(frame)
            sender.send_bytes(
                b"".join((_HEADER.pack(len(frames)), places.tobytes(), lengths.tobytes(), *frames))
            )


def _unpack(data: bytes, block: list[bytes]) -> None:
    """Put a worker's frames into their places."""
    (count,) = _HEADER.unpack_from(data)
    places, lengths = array("H"), array("I")
    places.frombytes(data[4 : 4 + 2 * count])
    lengths.frombytes(data[4 + 2 * count : 4 + 6 * count])
    start = 4 + 6 * count
    for place, length in zip(places, lengths, strict=True):
        block[place] = data[start : start + length]
        start += length
