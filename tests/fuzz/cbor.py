"""Any bytes as DAG-CBOR: all doors give the same answer, and what is accepted has one encoding and good JSON."""

from __future__ import annotations

import json

from indexer._fastpath import cbor, transcode
from tests.fuzz._run import Seen, fuzz


def target(seen: Seen, data: bytes) -> None:
    checked = seen.answer(cbor.check, data)
    decoded = seen.answer(lambda raw: [cbor.decode(raw)], data)
    transcoded = seen.answer(transcode.to_json, data)
    assert (checked is None) == (decoded is None) == (transcoded is None)
    if isinstance(decoded, list) and isinstance(transcoded, bytes):
        assert cbor.encode(decoded[0]) == data
        json.loads(transcoded)
    tolerated = seen.answer(lambda raw: cbor.check(raw, cbor.TOLERATE_ALL), data)
    assert checked is None or tolerated == 0
    loose = seen.answer(lambda raw: transcode.to_json(raw, cbor.TOLERATE_ALL), data)
    assert (tolerated is None) == (loose is None)
    if isinstance(loose, bytes):
        json.loads(loose)
        cbor.decode(data, cbor.TOLERATE_ALL)


if __name__ == "__main__":
    fuzz("cbor", target)
