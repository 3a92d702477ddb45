"""Any bytes as a message of the firehose, and as a commit that is to be proven."""

from __future__ import annotations

from indexer._fastpath import frame
from indexer._fastpath.proof import CommitProof, prove_commit
from tests.fuzz._run import Seen, fuzz


def target(seen: Seen, data: bytes) -> None:
    decoded = seen.answer(frame.decode, data)
    proof = seen.answer(prove_commit, data)
    loose = seen.answer(lambda raw: prove_commit(raw, hashes=False), data)
    if isinstance(proof, CommitProof):
        assert decoded is not None
        assert isinstance(loose, CommitProof)
        assert (proof.did, proof.data, proof.inverted) == (loose.did, loose.data, loose.inverted)


if __name__ == "__main__":
    fuzz("commit", target)
