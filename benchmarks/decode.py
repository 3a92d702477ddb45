"""How fast frames become checked rows, repositories records, and records JSON, next to what others take for less.

    python -m benchmarks.decode [--frames FILE] [--seconds S] [--json] [--brief]

Every contestant works on the same frames in the same process, by turns; counted is CPU time, the best call of each.
Without `--frames` the shared relay frames and load.frames are taken (frames of the simulated network where they are not
there); a ratio is then that of the file where it is worst. Of a large file, 2,000 commits in even steps are taken.
"SHA-256 alone" is OpenSSL over the same blocks, less the time that Python's calls cost, so that only hashing is left.
`--brief` takes some seconds, and fails where a ratio is far from its target.

What the comparison favours: frames lie in memory, accounts are known, one core. Ours checks strict DAG-CBOR, CIDs and
the commit's form in every line below; what a rival leaves out stands beside it.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import atproto
import cbor2
import cbrrr
import coincurve
import dag_cbor
import libipld
import orjson
from atproto import parse_subscribe_repos_message
from atproto_subscription.frames import Frame
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from benchmarks._report import (
    SHARED_VECTORS,
    Ratio,
    Row,
    best_times,
    exit_status,
    machine,
    print_json,
    print_ratios,
    print_rows,
    print_setting,
    read_frames,
    versions,
)
from indexer._fastpath import batch, car, cbor, frame, sha256, transcode
from indexer._fastpath.accounts import AccountTable
from indexer._fastpath.cid import CID
from indexer._fastpath.proof import prove_commit, read_repository
from indexer._fastpath.treebuild import Tree
from indexer.errors import FileFormatError, VerificationError
from indexer.simulation.files import FrameFile, read_documents, write_documents
from indexer.simulation.network import Network
from indexer.sync.did_document import parse_did_document

PACKAGES = ("libipld", "atproto", "cbrrr", "cbor2", "dag-cbor", "coincurve", "orjson")
MAX_COMMITS = 2000
BRIEF_COMMITS = 300
BRIEF_SECONDS = 0.1
BATCH = 2000
EDGE_KINDS = (1, 2, 3, 4)


@dataclass
class Corpus:
    """Frames and what can be taken from them once, outside of any measurement."""

    name: str
    commits: list[bytes]
    blocks: list[bytes]
    records: list[bytes]
    paths: dict[str, bytes]
    keys: dict[str, bytes]


def documents_beside(frames_file: Path) -> Path:
    """Where the DID documents of a frames file lie: `X.did_docs.json.zst` beside `X.frames.zst`."""
    return frames_file.with_name(frames_file.name.replace("frames.zst", "did_docs.json.zst"))


def load_corpus(path: Path, most: int = MAX_COMMITS) -> Corpus:
    commits = [data for data in read_frames(path) if frame.decode(data)[0] == "#commit"]
    commits = commits[:: 1 + (len(commits) - 1) // most]
    corpus = Corpus(f"{path.parent.name}/{path.name}", commits, [], [], {}, {})
    for data in commits:
        payload = frame.decode(data)[1] or {}
        blocks = dict(car.read(payload["blocks"])[1])
        corpus.blocks.extend(blocks.values())
        for op in payload["ops"]:
            if op["cid"] is not None:
                corpus.records.append(blocks[op["cid"]])
                corpus.paths[f"{op['path']}.{payload['repo'][-6:]}"] = blocks[op["cid"]]
    documents = documents_beside(path)
    if documents != path and documents.exists():
        for did, document in read_documents(documents).items():
            key = parse_did_document(orjson.dumps(document), did).signing_key
            if key is not None:
                corpus.keys[did] = key
    return corpus


def simulate(directory: Path) -> Path:
    """Frames of a simulated network, for where no file is at hand."""
    path = directory / "simulated.frames.zst"
    network = Network(seed=1, accounts=100)
    with FrameFile(path) as file:
        file.write(network.opening())
        file.write(network.frames(3000))
    write_documents(documents_beside(path), (network.identity(number).document() for number in range(100)))
    return path


# --- ours -----------------------------------------------------------------------------------------------------------


class Rows:
    """Frames to COPY bodies through the batch door, with all accounts known, as in a daemon that has run a while."""

    def __init__(self, corpus: Corpus) -> None:
        self.corpus = corpus
        self.accounts = AccountTable()
        self.batches = [
            corpus.commits[start : start + BATCH] for start in range(0, len(corpus.commits), BATCH)
        ]
        self.dids: list[str] = []
        paths = 0
        for frames in self.batches:
            decoded = batch.decode(frames, hashes=False)
            for did in decoded.unknown(self.accounts):
                self.dids.append(did)
                self.accounts.put(did, len(self.dids), key=corpus.keys.get(did))
            for path in decoded.unknown_paths(self.accounts):
                paths += 1
                self.accounts.put_path(path, -paths)
        self.forget()
        if self.rows(hashes=True, verify=False) == 0:
            raise FileFormatError(f"{corpus.name}: expected frames that give rows, got none")

    def forget(self) -> None:
        """Let every frame be new again."""
        for did in self.dids:
            self.accounts.set_state(did, 0, None, 0)

    def rows(self, hashes: bool, verify: bool) -> int:
        """Bytes of all COPY bodies."""
        size = 0
        for frames in self.batches:
            rest = frames
            while rest:
                decoded = batch.decode(rest, hashes=hashes, inversion=verify)
                if decoded.error is not None:
                    raise decoded.error
                decoded.unknown(self.accounts)
                decoded.unknown_paths(self.accounts)
                if verify:
                    decoded.verify(self.accounts)
                decoded.gate(self.accounts)
                decoded.finish(self.accounts)
                for wave in range(decoded.waves):
                    size += sum(len(decoded.copy_edges(kind, wave)) for kind in EDGE_KINDS)
                    size += len(decoded.copy_deletes(wave)) + len(decoded.copy_posts(wave))
                size += len(decoded.copy_repos())
                rest = rest[decoded.taken :]
        return size

    def unhashed(self) -> int:
        return self.rows(hashes=False, verify=False)

    def hashed(self) -> int:
        return self.rows(hashes=True, verify=False)

    def verified(self) -> int:
        return self.rows(hashes=True, verify=True)


# --- rivals -----------------------------------------------------------------------------------------------------------


def each(work: Callable[[Any], object], items: list[Any]) -> Callable[[], None]:
    def run() -> None:
        for item in items:
            work(item)

    return run


def with_libipld(data: bytes) -> object:
    payload: Any = libipld.decode_dag_cbor_multi(data)[1]
    return libipld.decode_car(payload["blocks"])


def with_atproto(data: bytes) -> object:
    message: Any = parse_subscribe_repos_message(Frame.from_bytes(data))
    return atproto.CAR.from_bytes(message.blocks)


def split_car(data: bytes) -> list[bytes]:
    """The blocks of a CAR, for the decoders that have no reader of their own; nothing is checked."""
    length, at = varint(data, 0)
    at += length
    blocks = []
    while at < len(data):
        length, at = varint(data, at)
        blocks.append(data[at + 36 : at + length])
        at += length
    return blocks


def varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def with_cbrrr(data: bytes) -> object:
    payload: Any = list(cbrrr.decode_multi_dag_cbor_in_violation_of_the_spec(data))[1]
    return [cbrrr.decode_dag_cbor(block) for block in split_car(payload["blocks"])]


def with_cbor2(data: bytes) -> object:
    stream = io.BytesIO(data)
    decoder = cbor2.CBORDecoder(stream)
    decoder.decode()
    payload = decoder.decode()
    return [cbor2.loads(block) for block in split_car(payload["blocks"])]


def with_dag_cbor(data: bytes) -> object:
    stream = io.BytesIO(data)
    dag_cbor.decode(stream, allow_concat=True)
    payload: Any = dag_cbor.decode(stream, allow_concat=True)
    return [dag_cbor.decode(block) for block in split_car(payload["blocks"])]


RIVALS: dict[str, tuple[Callable[[bytes], object], str]] = {
    "libipld": (with_libipld, "hash blocks, order keys, tell CIDs from bytes; makes objects, no rows"),
    "cbrrr": (with_cbrrr, "hash blocks; CAR split in Python, unchecked; no rows"),
    "atproto SDK": (with_atproto, "hash blocks; models of the envelope only, no rows"),
    "cbor2": (with_cbor2, "hash blocks, refuse what is not DAG-CBOR; no rows"),
    "dag-cbor": (with_dag_cbor, "hash blocks; no rows"),
}
SLOW = {"cbor2": 10, "dag-cbor": 50}
"""Rivals that do only one commit in so many, so that the run ends."""


def hash_alone(blocks: list[bytes], seconds: float) -> float:
    """CPU microseconds that SHA-256 alone takes over all the blocks: OpenSSL through hashlib, less Python's calls.

    A call costs what an empty message takes, less the compression of its one block, whose speed a long message shows.
    """
    long_message = bytes(1 << 20)
    empty = [b""] * len(blocks)
    compressed = sum((len(block) + 8) // 64 + 1 for block in blocks)

    def digest(message: bytes) -> bytes:
        return hashlib.sha256(message, usedforsecurity=False).digest()

    times = best_times(
        {
            "blocks": each(digest, blocks),
            "empty": each(digest, empty),
            "long": each(digest, [long_message] * 4),
        },
        1,
        seconds,
    )
    one_block = times["long"] / (4 * (len(long_message) // 64))
    calls = times["empty"] - len(blocks) * one_block
    return max(times["blocks"] - calls, compressed * one_block)


# --- the run ----------------------------------------------------------------------------------------------------------


def measure_frames(corpus: Corpus, seconds: float) -> tuple[list[Row], dict[str, float]]:
    rows = Rows(corpus)
    count = len(corpus.commits)
    contestants: dict[str, Callable[[], object]] = {"ours": rows.unhashed, "ours, hashed": rows.hashed}
    contestants |= {
        name: each(work, corpus.commits) for name, (work, _) in RIVALS.items() if name not in SLOW
    }
    times = best_times(contestants, count, seconds, prepare=rows.forget)
    for name, step in SLOW.items():
        some = corpus.commits[::step]
        times |= best_times({name: each(RIVALS[name][0], some)}, len(some), seconds, 2)
    alone = hash_alone(corpus.blocks, seconds) / count
    together = best_times({"ours": lambda: sha256.digests(corpus.blocks)}, count, seconds)["ours"]
    work = "frame to rows"
    lines = [Row(work, "ours", times["ours"], "commit", "hash blocks")]
    lines += [Row(work, name, times[name], "commit", note) for name, (_, note) in RIVALS.items()]
    work = "frame to rows, hashed"
    lines += [
        Row(work, "ours", times["ours, hashed"], "commit", "check signature and tree"),
        Row(work, "SHA-256 alone (OpenSSL)", alone, "commit", "anything else; one message after the other"),
        Row(work, "SHA-256 alone (ours)", together, "commit", "anything else; two messages at once"),
    ]
    ratios = {
        "rows_vs_libipld": times["libipld"] / times["ours"],
        "rows_vs_atproto": times["atproto SDK"] / times["ours"],
        "hashed_vs_sha256": times["ours, hashed"] / alone,
    }
    return lines, ratios


def measure_verification(corpus: Corpus, seconds: float) -> tuple[list[Row], dict[str, float]]:
    """Commits of accounts with secp256k1 keys: all of it, next to the bare verification of their signatures."""
    chosen = []
    bare: list[tuple[coincurve.PublicKey, bytes, bytes]] = []
    for data in corpus.commits:
        proof = prove_commit(data)
        key = corpus.keys.get(proof.did, b"")
        if proof.inverted and key[:1] == b"\x01":
            chosen.append(data)
            r, s = (int.from_bytes(proof.signature[start : start + 32], "big") for start in (0, 32))
            bare.append((coincurve.PublicKey(key[1:]), encode_dss_signature(r, s), proof.signed_digest))
    if not chosen:
        return [], {}
    rows = Rows(replace(corpus, commits=chosen))

    def check(item: tuple[coincurve.PublicKey, bytes, bytes]) -> None:
        key, signature, digest = item
        if not key.verify(signature, digest, hasher=None):
            raise VerificationError("expected signatures that are good, got one that is not")

    times = best_times(
        {"ours": rows.verified, "bare": each(check, bare)}, len(chosen), seconds, 3, rows.forget
    )
    work = "frame to rows, fully verified"
    lines = [
        Row(work, "ours", times["ours"], "commit"),
        Row(
            work,
            "coincurve alone",
            times["bare"],
            "commit",
            "anything but the signature (key parsed, digest at hand)",
        ),
    ]
    return lines, {"verified_vs_coincurve": times["bare"] / times["ours"]}


def build_repository(records: dict[str, bytes]) -> tuple[bytes, list[bytes]]:
    """An export of one repository that holds all of these records, and its blocks."""
    tree = Tree()
    for path, block in records.items():
        tree.put(path.encode(), sha256.digest(block))
    commit = cbor.encode(
        {
            "did": "did:plc:ewvi7nxzyoun6zhxrhs64oiz",
            "rev": "3l3qo2vutsw2b",
            "sig": bytes(64),
            "data": CID.from_digest(tree.root()),
            "prev": None,
            "version": 3,
        }
    )
    header = cbor.encode({"roots": [CID.of(commit)], "version": 1})
    sections = [bytes(CID.of(block)) + block for block in (commit, *records.values())]
    export = b"".join(
        [leb128(len(header)), header, *(leb128(len(part)) + part for part in sections), tree.sections()]
    )
    return export, [block for _, block in car.read(export)[1]]


def leb128(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def measure_repository(corpus: Corpus, seconds: float) -> tuple[list[Row], dict[str, float]]:
    export, blocks = build_repository(corpus.paths)
    count = len(read_repository(export).records)
    times = best_times(
        {"ours": lambda: read_repository(export), "libipld": lambda: libipld.decode_car(export)},
        count,
        seconds,
    )
    alone = hash_alone(blocks, seconds) / count
    work = "repository CAR to records"
    lines = [
        Row(work, "ours", times["ours"], "record", "check the signature"),
        Row(work, "libipld", times["libipld"], "record", "hash blocks, walk the tree"),
        Row(work, "SHA-256 alone (OpenSSL)", alone, "record", "anything else; one message after the other"),
    ]
    return lines, {"car_vs_sha256": times["ours"] / alone}


def json_by_libipld(record: bytes) -> bytes:
    return orjson.dumps(libipld.decode_dag_cbor(record), default=link)


def link(cid: Any) -> dict[str, str]:
    return {"$link": libipld.encode_cid(cid)}


def measure_json(corpus: Corpus, seconds: float) -> tuple[list[Row], dict[str, float]]:
    records = corpus.records
    for record in records:
        if orjson.loads(json_by_libipld(record)) != orjson.loads(transcode.to_json(record)):
            raise FileFormatError(f"{corpus.name}: JSON differs for {record.hex()}")
    times = best_times(
        {"ours": each(transcode.to_json, records), "libipld + orjson": each(json_by_libipld, records)},
        len(records),
        seconds,
    )
    work = "record to JSON"
    lines = [
        Row(work, "ours", times["ours"], "record"),
        Row(
            work, "libipld + orjson", times["libipld + orjson"], "record", "order keys, tell CIDs from bytes"
        ),
    ]
    return lines, {"json_vs_libipld": times["libipld + orjson"] / times["ours"]}


TARGETS = {
    "rows_vs_libipld": (25.0, False),
    "rows_vs_atproto": (80.0, False),
    "hashed_vs_sha256": (1.35, True),
    "verified_vs_coincurve": (0.85, False),
    "car_vs_sha256": (1.6, True),
    "json_vs_libipld": (3.0, False),
}


def worst(results: list[dict[str, float]]) -> list[Ratio]:
    """Each ratio in the file where it is worst."""
    ratios = []
    for name, (target, at_most) in TARGETS.items():
        values = [result[name] for result in results if name in result]
        value = (max if at_most else min)(values) if values else None
        ratios.append(Ratio(name, value, target, at_most))
    return ratios


def main() -> int:
    # libipld is written in Rust and, with this set, pays for backtraces of errors that it swallows: half of its time.
    os.environ.pop("RUST_BACKTRACE", None)
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument(
        "--frames", type=Path, help="frames file (default: the shared relay frames and load.frames)"
    )
    parser.add_argument("--seconds", type=float, default=1.5, help="for each contestant of each kind of work")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout and nothing else")
    parser.add_argument(
        "--brief", action="store_true", help="some seconds only; exit status 1 if a ratio collapsed"
    )
    arguments = parser.parse_args()
    seconds = BRIEF_SECONDS if arguments.brief else arguments.seconds
    most = BRIEF_COMMITS if arguments.brief else MAX_COMMITS
    shared = [SHARED_VECTORS / "relay-frames/frames.zst", SHARED_VECTORS / "pds-frames/load.frames.zst"]
    with tempfile.TemporaryDirectory() as directory:
        files = [arguments.frames] if arguments.frames else [path for path in shared if path.exists()]
        corpora = [load_corpus(path, most) for path in files or [simulate(Path(directory))]]
    results = []
    for corpus in corpora:
        lines: list[Row] = []
        ratios: dict[str, float] = {}
        for measure in (measure_frames, measure_verification, measure_repository, measure_json):
            more, found = measure(corpus, seconds)
            lines += more
            ratios |= found
        results.append(ratios)
        if not arguments.json:
            mean = sum(map(len, corpus.commits)) / len(corpus.commits)
            blocks = len(corpus.blocks) / len(corpus.commits)
            print_rows(
                f"{corpus.name}: {len(corpus.commits):,} commits, {mean:,.0f} bytes, {blocks:.1f} blocks each",
                lines,
            )
    ratios_of_all = worst(results)
    if arguments.json:
        files_and_ratios = {corpus.name: ratios for corpus, ratios in zip(corpora, results, strict=True)}
        print_json(
            ratios_of_all, {"files": files_and_ratios, "machine": machine(), "versions": versions(PACKAGES)}
        )
    else:
        print_ratios(ratios_of_all)
        print_setting(
            "CPU time of one thread; contestants by turns, best call of each; ratios from the file where worst",
            PACKAGES,
        )
    return exit_status(ratios_of_all) if arguments.brief else 0


if __name__ == "__main__":
    sys.exit(main())
