"""Records as they are stored: compressed with a dictionary of what records say again and again.

Owns the stored form: the number of a dictionary (one byte), then a frame of Zstandard (RFC 8878) without magic number
and dictionary id; or the record as it is, a map of CBOR, whose first byte (0xa0 to 0xbf) is no number of a dictionary.
So records that were stored before this, and those under a later dictionary, stand beside one another, and what is read
is always the very bytes that came. A CID is that of these bytes, never of the stored form.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Final

import zstandard

from indexer.errors import InvariantBroken

DICTIONARY: Final = 1
"""The number of the dictionary that is used now: `records.1.dictionary`, made by dictionary.py."""

_LEVEL: Final = 4
_MAP: Final = range(0xA0, 0xC0)
_MARK: Final = bytes([DICTIONARY])


class _PerThread(threading.local):
    """A decompressor is for one thread at a time: it gives the GIL up while it works."""

    def __init__(self) -> None:
        self.decompress = zstandard.ZstdDecompressor(
            dict_data=_dictionary(), format=zstandard.FORMAT_ZSTD1_MAGICLESS
        ).decompress


@cache
def _dictionary() -> zstandard.ZstdCompressionDict:
    data = (files("indexer.records") / f"records.{DICTIONARY}.dictionary").read_bytes()
    dictionary = zstandard.ZstdCompressionDict(data)
    dictionary.precompute_compress(level=_LEVEL)
    return dictionary


@cache
def _compressor() -> zstandard.ZstdCompressor:
    form = zstandard.ZstdCompressionParameters(
        compression_level=_LEVEL,
        format=zstandard.FORMAT_ZSTD1_MAGICLESS,
        write_content_size=True,
        write_dict_id=False,
        write_checksum=False,
    )
    return zstandard.ZstdCompressor(dict_data=_dictionary(), compression_params=form)


_here = _PerThread()


def compress(records: Sequence[bytes]) -> list[bytes]:
    """Return the stored form of each of `records` (bytes of DAG-CBOR). The GIL is given up once for all of them."""
    if not records:
        return []
    frames = _compressor().multi_compress_to_buffer(list(records), threads=1)
    stored = [_MARK + frames[place].tobytes() for place in range(len(records))]
    return [
        short if len(short) < len(record) or record[0] not in _MAP else record
        for short, record in zip(stored, records, strict=True)
    ]


def original(stored: bytes) -> bytes:
    """Return the bytes of a record from its stored form. Raises InvariantBroken for what is no stored form."""
    if stored[0] in _MAP:
        return stored
    if stored[0] != DICTIONARY:
        raise InvariantBroken(f"expected dictionary {DICTIONARY} of a stored record, got {stored[0]}")
    try:
        return _here.decompress(memoryview(stored)[1:])
    except zstandard.ZstdError as error:
        raise InvariantBroken(f"a stored record cannot be decompressed: {error}") from None
