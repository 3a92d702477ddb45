"""Any bytes as the frames of a batch, all the way to COPY bodies."""

from __future__ import annotations

from indexer._fastpath import batch
from indexer._fastpath.accounts import AccountTable
from tests.fuzz._run import Seen, fuzz

KINDS = (1, 2, 3, 4)


def target(seen: Seen, data: bytes) -> None:
    accounts = AccountTable(key_limit=16)  # room for many keys would be most of the work
    decoded = batch.decode([data, data], hashes=bool(len(data) & 1), inversion=bool(len(data) & 2))
    for number, did in enumerate(decoded.unknown(accounts)):
        accounts.put(did, number + 1)
    for number, path in enumerate(decoded.unknown_paths(accounts)):
        accounts.put_path(path, -1 - number)
    decoded.gate(accounts)
    decoded.finish(accounts)
    for wave in range(decoded.waves):
        rows = [
            *(decoded.copy_edges(kind, wave) for kind in KINDS),
            decoded.copy_deletes(wave),
            decoded.copy_posts(wave),
        ]
        assert all(isinstance(body, bytes) for body in rows)
        decoded.post_relations(wave)
        decoded.record_ops(wave)
    decoded.copy_repos()
    if decoded.error is not None:
        seen.reached(decoded.error.reason, decoded.error.offset)


if __name__ == "__main__":
    fuzz("batch", target)
