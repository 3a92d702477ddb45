"""Types of `cbor.pyx`. A decoded value is dict, list, str, bytes, CID, int, bool, None, or float where tolerated."""

from typing import Any

TOLERATE_NOTHING: int
TOLERATE_FLOATS: int
TOLERATE_LENGTHS: int
TOLERATE_KEYS: int
TOLERATE_CIDS: int
TOLERATE_ALL: int
MAXIMUM_DEPTH: int

def decode(data: bytes, tolerate: int = 0) -> Any: ...
def decode_at(data: bytes, offset: int = 0, tolerate: int = 0) -> tuple[Any, int]: ...
def check(data: bytes, tolerate: int = 0) -> int: ...
def encode(value: object) -> bytes: ...
def key_order(key: bytes) -> tuple[int, bytes]: ...
