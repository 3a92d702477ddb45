"""`indexer replay`: index a frames file, with a progress bar, and say what was done."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import trio

from indexer.app import run_replay
from indexer.config import Settings
from indexer.ops.progress import progress
from indexer.pipeline import KeySource
from indexer.simulation.files import read_documents
from indexer.sync.did_document import parse_did_document

COUNTS = ("frames", "commits", "creates", "updates", "deletes", "identities", "accounts", "syncs")


def run(settings: Settings, file: Path, documents: Path | None, as_json: bool) -> dict[str, Any]:
    """Index `file` and return what was done, with the time it took.

    `documents` is a file of DID documents (one JSON object by DID): with it signatures are verified, without only
    hashes. Raises FileFormatError or FrameError; what came before stays.
    """
    keys = None if documents is None else _keys_from(documents)
    began = time.perf_counter()
    with progress(f"replaying {file.name}", file.stat().st_size, "bytes", quiet=as_json) as advance:
        totals = trio.run(partial(run_replay, settings, file, keys=keys, progress=_steps(advance)))
    seconds = time.perf_counter() - began
    return {
        **{name: totals.counts[name] for name in COUNTS},
        "dropped": dict(sorted(totals.dropped.items())),
        "seconds": round(seconds, 3),
        "events_per_second": round(totals.counts["frames"] / seconds, 1),
    }


def as_text(result: dict[str, Any]) -> str:
    """Return the result as two lines for people."""
    done = ", ".join(f"{result[name]:,} {name}" for name in COUNTS)
    dropped = ", ".join(f"{count:,} {reason}" for reason, count in result["dropped"].items()) or "nothing"
    return f"{done}; dropped {dropped}\n{result['seconds']:,.1f} s, {result['events_per_second']:,.0f} events/s\n"


def _keys_from(documents: Path) -> KeySource:
    known = read_documents(documents)

    async def key_of(did: str, _anew: bool) -> bytes | None:
        document = known.get(did)
        return (
            None if document is None else parse_did_document(msgspec.json.encode(document), did).signing_key
        )

    return key_of


def _steps(advance: Callable[[int], None]) -> Callable[[int, int], None]:
    """Return a function of (done, total) that advances by what was done since the last call."""
    before = 0

    def at(done: int, _total: int) -> None:
        nonlocal before
        advance(done - before)
        before = done

    return at
