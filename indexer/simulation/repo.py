"""One account's repository: writes in, signed commits and their `#commit` frames out.

Owns the records, their Merkle search tree, the commit chain and the form of the `#commit` message. Knows
nothing of who writes what and why. Rules: repository specification (version 3 commits), sync specification
and the `com.atproto.sync.subscribeRepos` lexicon.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

from indexer._fastpath.treebuild import Tree

from .clock import datetime_text, tid_at
from .dagcbor import CID, CID_PREFIX, LINK_HEAD, cid_of, encode, head, record_block
from .keys import SigningKey

COMMIT_HEADER = encode({"op": 1, "t": "#commit"})


class Write(NamedTuple):
    """One change of a repository: the record is a map, or its DAG-CBOR bytes; None if it is deleted."""

    action: Literal["create", "update", "delete"]
    path: str
    record: dict[str, Any] | bytes | None = None


def car(root: bytes, sections: Iterable[bytes]) -> bytes:
    """A CAR file (version 1) with one root, from ready sections."""
    header = encode({"roots": [CID(root)], "version": 1})
    return b"".join((bytes((len(header),)), header, *sections))


def section(cid: bytes, block: bytes) -> bytes:
    """A block as a CAR section: length, CID, bytes."""
    length = len(cid) + len(block)
    prefix = b""
    while length >= 0x80:
        prefix += bytes((length & 0x7F | 0x80,))
        length >>= 7
    return prefix + bytes((length,)) + cid + block


class Repo:
    """A repository that begins empty and uncommitted.

    `clock_id` goes into its revisions; `keep_records` keeps the records' bytes for `export`.
    """

    __slots__ = ("clock_id", "commit_block", "commit_cid", "data", "did", "key", "records", "rev", "tree")

    def __init__(self, did: str, key: SigningKey, clock_id: int = 0, keep_records: bool = True) -> None:
        self.did = did
        self.key = key
        self.clock_id = clock_id
        self.tree = Tree()
        self.records: dict[str, bytes] | None = {} if keep_records else None
        self.rev: str | None = None
        self.data = CID_PREFIX + self.tree.root()
        self.commit_block = self.commit_cid = b""

    def record(self, path: str) -> bytes | None:
        """The stored bytes of a record."""
        return None if self.records is None else self.records.get(path)

    def begin_empty(self, instant_us: int) -> None:
        """Let the repository have an empty first commit of that instant which nobody saw: the next is not its first."""
        self.rev = tid_at(instant_us, self.clock_id)

    def apply(self, writes: Sequence[Write], seq: int, instant_us: int) -> bytes:
        """Commit the writes and give the `#commit` frame that tells of it.

        The revision is the TID of the instant, which must be later than that of the last commit. Raises
        ValueError for a create of a record that is there, an update or delete of one that is not, or two
        writes of one path.
        """
        rev = tid_at(instant_us, self.clock_id)
        if self.rev is not None and rev <= self.rev:
            raise ValueError(f"expected an instant after revision {self.rev}, got {rev}")
        paths = [write.path.encode() for write in writes]
        self._check(writes, paths)
        sections: list[bytes] = []
        ops = [self._write(write, path, sections) for write, path in zip(writes, paths, strict=True)]
        root, nodes = self.tree.commit(paths)
        since, before = self.rev, self.data
        self.rev, self.data = rev, CID_PREFIX + root
        commit_section = self._sign(rev)
        blocks = car(self.commit_cid, (commit_section, nodes, *sections))
        return commit_frame(
            seq,
            self.did,
            rev,
            since,
            None if since is None else before,
            self.commit_cid,
            ops,
            blocks,
            instant_us,
        )

    def _check(self, writes: Sequence[Write], paths: Sequence[bytes]) -> None:
        """Before anything changes: each path once, creates where nothing is, the rest where something is."""
        for index, (write, path) in enumerate(zip(writes, paths, strict=True)):
            if path in paths[:index]:
                raise ValueError(f"expected one write per path and commit, got two of {write.path}")
            there = self.tree.get(path) is not None
            if there != (write.action != "create"):
                raise ValueError(
                    f"{write.action} of {write.path}, which {'exists' if there else 'does not exist'}"
                )

    def _write(self, write: Write, path: bytes, sections: list[bytes]) -> bytes:
        """Change the tree; give the operation's bytes and add the record's section."""
        if write.action == "delete":
            previous = self.tree.remove(path)
            if self.records is not None:
                del self.records[write.path]
            cid = b"\xf6"
        else:
            block = write.record if isinstance(write.record, bytes) else record_block(write.record or {})
            digest = cid_of(block)
            previous = self.tree.put(path, digest[4:])
            sections.append(section(digest, block))
            if self.records is not None:
                self.records[write.path] = block
            cid = LINK_HEAD + digest
        return operation(write.action, path, cid, previous)

    def _sign(self, rev: str) -> bytes:
        """Sign a commit of the present state; gives its CAR section. Its maps stand in DAG-CBOR's order."""
        names = b"\x63did" + encode(self.did) + b"\x63rev\x6d" + rev.encode()
        state = b"\x64data" + LINK_HEAD + self.data + b"\x64prev\xf6\x67version\x03"
        signature = self.key.sign(b"\xa5" + names + state)
        self.commit_block = b"\xa6" + names + b"\x63sig\x58\x40" + signature + state
        self.commit_cid = cid_of(self.commit_block)
        return section(self.commit_cid, self.commit_block)

    def commit_car(self) -> bytes:
        """A CAR file of the latest commit alone, as `#sync` carries it."""
        return car(self.commit_cid, [section(self.commit_cid, self.commit_block)])

    def export(self) -> bytes:
        """The whole repository as `com.atproto.sync.getRepo` answers it.

        Raises ValueError for a repository without commits or one whose records are not kept.
        """
        if self.rev is None or self.records is None:
            raise ValueError(f"the repository of {self.did} has nothing to export")
        blocks = {cid_of(block): block for block in self.records.values()}
        sections = [section(cid, block) for cid, block in blocks.items()]
        commit_section = section(self.commit_cid, self.commit_block)
        return car(self.commit_cid, (commit_section, self.tree.sections(), *sections))


def operation(action: str, path: bytes, cid: bytes, previous: bytes | None) -> bytes:
    """One entry of a commit's `ops`: `cid` is an encoded link or null, `previous` the digest replaced."""
    parts = [
        b"\xa4" if previous is not None else b"\xa3",
        b"\x63cid",
        cid,
        b"\x64path",
        head(3, len(path)),
        path,
    ]
    if previous is not None:
        parts += [b"\x64prev", LINK_HEAD, CID_PREFIX, previous]
    parts += [b"\x66action\x66", action.encode()]
    return b"".join(parts)


def commit_frame(
    seq: int,
    did: str,
    rev: str,
    since: str | None,
    prev_data: bytes | None,
    commit: bytes,
    ops: Sequence[bytes],
    blocks: bytes,
    instant_us: int,
) -> bytes:
    """A `#commit` frame: its fields in the order of DAG-CBOR. `prev_data` None leaves the field out."""
    parts = [
        COMMIT_HEADER,
        b"\xab" if prev_data is None else b"\xac",
        b"\x63ops",
        head(4, len(ops)),
        *ops,
        b"\x63rev\x6d",
        rev.encode(),
        b"\x63seq",
        head(0, seq),
        b"\x64repo",
        encode(did),
        b"\x64time",
        encode(datetime_text(instant_us)),
        b"\x65blobs\x80\x65since",
        encode(since),
        b"\x66blocks",
        head(2, len(blocks)),
        blocks,
        b"\x66commit",
        LINK_HEAD,
        commit,
        b"\x66rebase\xf4\x66tooBig\xf4",
    ]
    if prev_data is not None:
        parts += [b"\x68prevData", LINK_HEAD, prev_data]
    return b"".join(parts)
