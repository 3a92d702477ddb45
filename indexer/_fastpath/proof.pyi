"""Types of `proof.pyx`."""

from indexer._fastpath.cid import CID

class CommitProof:
    seq: int
    did: str
    rev: str
    commit: CID
    data: CID
    signature: bytes
    signed_digest: bytes
    inverted: bool

class Repository:
    did: str
    rev: str
    commit: CID
    data: CID
    signature: bytes
    signed_digest: bytes
    commit_block: bytes
    records: list[tuple[str, CID, bytes]]

def prove_commit(frame: bytes, hashes: bool = True, tree: bool = True) -> CommitProof: ...
def read_repository(car: bytes, hashes: bool = True) -> Repository: ...
