"""Types of `car.pyx`."""

from indexer._fastpath.cid import CID

def read(data: bytes, check_hashes: bool = True) -> tuple[CID, list[tuple[CID, bytes]]]: ...
