"""A fetched repository: proven whole and genuine, compared with what is stored, turned into the stream's own
terms.

Owns: what an export must prove before it is believed, the difference between it and the stored records, and
the form in which that difference enters: ordinary #commit frames, so that a resync and the firehose share one
way to the tables. Knows neither network nor tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

from indexer._fastpath.cbor import encode
from indexer._fastpath.cid import CID
from indexer._fastpath.proof import Repository, read_repository
from indexer.errors import FrameError, VerificationError
from indexer.sync.signature import verify_digest

OPS_PER_FRAME = 200
"""As many as a #commit may have (sync specification)."""
BLOCKS_PER_FRAME = 1_900_000
"""Bytes of records per frame, so that its `blocks` stay below 2,000,000."""

SYNTHETIC_SEQ = 1
"""Frames made here are no events of a stream; the number only has to be one."""

_HEADER = encode({"op": 1, "t": "#commit"})


class Operation(NamedTuple):
    """One change that makes the stored records those of the repository; `cid` and `record` are None for a
    delete.
    """

    action: Literal["create", "update", "delete"]
    path: str
    cid: CID | None
    record: bytes | None


def read_export(car: bytes, did: str, key: bytes) -> Repository:
    """The repository of `did` in an export, complete and signed with `key` (34 bytes).

    Every block's hash is checked and the whole tree walked, because an export can end early exactly between
    two blocks: complete is where every link resolves. Raises VerificationError otherwise.
    """
    try:
        repository = read_repository(car)
    except FrameError as error:
        raise VerificationError(f"expected the whole repository of {did}: {error}") from error
    if repository.did != did:
        raise VerificationError(f"expected the repository of {did}, got that of {repository.did[:100]}")
    if not verify_digest(key, repository.signed_digest, repository.signature):
        raise VerificationError(f"expected the commit {repository.rev} of {did} signed by the account's key")
    return repository


def difference(
    records: Iterable[tuple[str, CID, bytes]],
    stored: Mapping[str, bytes | None],
    indexed: Callable[[str], bool],
) -> list[Operation]:
    """The operations that turn `stored` into `records`: deletes, then updates, then creates, each in the
    order given.

    `stored` maps "collection/rkey" to the 32-byte digest of the record's CID, or to None where that is not
    known: such a record is written anew. `indexed` says which collections are stored at all. Deletes come
    first because a deletion after a creation costs the batch another wave.
    """
    updates: list[Operation] = []
    creates: list[Operation] = []
    seen: set[str] = set()
    for path, cid, record in records:
        if not indexed(path.partition("/")[0]):
            continue
        seen.add(path)
        if path not in stored:
            creates.append(Operation("create", path, cid, record))
        elif stored[path] != cid.digest:
            updates.append(Operation("update", path, cid, record))
    deletes = [Operation("delete", path, None, None) for path in stored if path not in seen]
    return deletes + updates + creates


def frames(repository: Repository, operations: Iterable[Operation], time: str) -> Iterator[bytes]:
    """`operations` as #commit frames with the repository's own commit and rev; at least one, which may be
    empty.

    `time`: the event's time as text, which becomes the records' indexedAt. All frames carry one rev and no
    `since`, so they must not pass the gate that refuses replays; applied in order they leave the repository
    at (rev, data).
    """
    head = _section(bytes(repository.commit), repository.commit_block)
    start = encode({"roots": [repository.commit], "version": 1})
    start = _varint(len(start)) + start + head
    ops: list[dict[str, object]] = []
    sections: list[bytes] = []
    size = 0
    sent = False
    for operation in operations:
        record = operation.record
        if len(ops) == OPS_PER_FRAME or (record and size + len(record) > BLOCKS_PER_FRAME):
            yield _frame(repository, ops, start + b"".join(sections), time)
            ops, sections, size, sent = [], [], 0, True
        ops.append({"action": operation.action, "path": operation.path, "cid": operation.cid})
        if record is not None and operation.cid is not None:
            section = _section(bytes(operation.cid), record)
            sections.append(section)
            size += len(section)
    if ops or not sent:
        yield _frame(repository, ops, start + b"".join(sections), time)


def _frame(repository: Repository, ops: list[dict[str, object]], blocks: bytes, time: str) -> bytes:
    body = {
        "seq": SYNTHETIC_SEQ,
        "repo": repository.did,
        "rev": repository.rev,
        "since": None,
        "commit": repository.commit,
        "time": time,
        "ops": ops,
        "blobs": [],
        "blocks": blocks,
        "rebase": False,
        "tooBig": False,
    }
    return _HEADER + encode(body)


def _section(cid: bytes, block: bytes) -> bytes:
    return _varint(len(cid) + len(block)) + cid + block


def _varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
