"""Commits made to order, from the slow model of trees: what the byte core must accept, and what tests then damage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from indexer._fastpath.cbor import encode
from indexer._fastpath.cid import CID
from tests.simulation import oracle

DID = "did:plc:ewvi7nxzyoun6zhxrhs64oiz"
REV = "3l3qo2vutsw2b"
HEADER = encode({"op": 1, "t": "#commit"})

Records = dict[str, bytes]
"""Path to record block."""


def record(number: int) -> bytes:
    return encode({"$type": "com.example.record", "number": number})


def cid_text(block: bytes) -> str:
    return oracle.cid_of(block)


def varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def section(cid: CID, block: bytes) -> bytes:
    return varint(36 + len(block)) + bytes(cid) + block


def car(root: CID, blocks: Iterable[tuple[CID, bytes]]) -> bytes:
    """A CAR of these blocks; their CIDs are taken as they are given."""
    header = encode({"roots": [root], "version": 1})
    return varint(len(header)) + header + b"".join(section(cid, block) for cid, block in blocks)


def honest(blocks: Iterable[bytes]) -> list[tuple[CID, bytes]]:
    return [(CID.of(block), block) for block in blocks]


def tree_blocks(records: Mapping[str, bytes]) -> tuple[CID, dict[str, bytes]]:
    """The root and all nodes of the tree of these records, by CID text."""
    blocks: dict[str, bytes] = {}
    items = {path.encode(): cid_text(block) for path, block in records.items()}
    root = oracle.write(oracle.build(sorted(items.items())), blocks)
    return CID.parse(root), blocks


def root_of(records: Mapping[str, bytes]) -> CID:
    return tree_blocks(records)[0]


def covering_nodes(records: Mapping[str, bytes], paths: Iterable[str]) -> dict[str, bytes]:
    """The nodes on the way to each path and to its neighbours: what a commit's sender includes."""
    root, blocks = tree_blocks(records)
    ordered = sorted(path.encode() for path in records)
    wanted: set[bytes] = set()
    for path in (path.encode() for path in paths):
        below = [key for key in ordered if key < path]
        above = [key for key in ordered if key > path]
        wanted |= {path, *below[-1:], *above[:1]}
    kept: dict[str, bytes] = {str(root): blocks[str(root)]}
    for key in wanted:
        tree = _Recording(str(root), blocks, kept)
        tree.get(key)
    return kept


class _Recording(oracle.PartialTree):
    """Notes the blocks that a search reads."""

    def __init__(self, root: str, blocks: dict[str, bytes], kept: dict[str, bytes]) -> None:
        self.kept = kept
        super().__init__(root, blocks)

    def read(self, child: Any, layer: int | None) -> Any:
        if isinstance(child, str):
            self.kept[child] = self.blocks[child]
        return super().read(child, layer)


def commit_block(root: CID, **changes: Any) -> bytes:
    fields = {"did": DID, "rev": REV, "sig": bytes(range(64)), "data": root, "prev": None, "version": 3}
    return encode({name: value for name, value in {**fields, **changes}.items() if value is not ...})


@dataclass
class Built:
    """A #commit message and what it was made of."""

    body: dict[str, Any]
    blocks: list[tuple[CID, bytes]] = field(default_factory=list)

    def frame(self, **changes: Any) -> bytes:
        """The message, with fields changed (`...` leaves one out)."""
        fields = {"blocks": car(self.body["commit"], self.blocks), **self.body, **changes}
        return HEADER + encode({name: value for name, value in fields.items() if value is not ...})


def operations(before: Records, after: Records) -> list[dict[str, Any]]:
    ops: list[dict[str, Any]] = []
    for path in sorted(before.keys() | after.keys()):
        old, new = before.get(path), after.get(path)
        if old == new:
            continue
        op: dict[str, Any] = {"path": path, "cid": None if new is None else CID.of(new)}
        op["action"] = "create" if old is None else "delete" if new is None else "update"
        if old is not None:
            op["prev"] = CID.of(old)
        ops.append(op)
    return ops


def build_commit(before: Records, after: Records, *, whole_tree: bool = False) -> Built:
    """The commit that leads from one state of a repository to another."""
    ops = operations(before, after)
    root, nodes = tree_blocks(after)
    if not whole_tree:
        nodes = covering_nodes(after, [op["path"] for op in ops])
    commit = commit_block(root)
    created = [after[op["path"]] for op in ops if op["cid"] is not None]
    body = {
        "seq": 1,
        "repo": DID,
        "rev": REV,
        "since": "3l3qo2vuowo2b",
        "time": "2026-07-04T12:00:00.000Z",
        "commit": CID.of(commit),
        "prevData": root_of(before),
        "ops": ops,
        "blobs": [],
        "rebase": False,
        "tooBig": False,
    }
    return Built(body, honest([commit, *nodes.values(), *created]))


def build_repository(records: Records, **commit_fields: Any) -> bytes:
    """A whole repository's export."""
    root, nodes = tree_blocks(records)
    commit = commit_block(root, **commit_fields)
    return car(CID.of(commit), honest([commit, *nodes.values(), *records.values()]))


def costly_commit() -> bytes:
    """A commit close to the size limit: 30,000 keys of layer 0 in few nodes, 200 keys above them deleted."""
    low: list[str] = []
    high: list[str] = []
    number = 0
    while len(low) < 30_000:
        path = f"com.example.a/{number:08}"
        if oracle.layer_of(path.encode()) == 0:
            low.append(path)
        elif len(high) < 200 and number % 150 == 0:
            high.append(path)
        number += 1
    block = record(1)
    after = dict.fromkeys(low, block)
    return build_commit(after | dict.fromkeys(high, block), after, whole_tree=True).frame()
