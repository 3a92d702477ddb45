"""Any bytes as a CAR and as a whole repository."""

from __future__ import annotations

from indexer._fastpath import car
from indexer._fastpath.proof import read_repository
from tests.fuzz._run import Seen, fuzz


def target(seen: Seen, data: bytes) -> None:
    hashed = seen.answer(car.read, data)
    loose = seen.answer(lambda raw: car.read(raw, check_hashes=False), data)
    assert hashed is None or hashed == loose
    repository = seen.answer(read_repository, data)
    assert repository is None or hashed is not None
    # Without hashes trees can be anything: links in circles, blocks shared.
    seen.answer(lambda raw: read_repository(raw, hashes=False), data)


if __name__ == "__main__":
    fuzz("car", target)
