"""Compact DIDs for Python code and tests."""

from libc.stdint cimport uint8_t

from indexer._fastpath.objects cimport slice_of_bytes, utf8_of
from indexer._fastpath.reasons cimport BAD_DID, fail


def to_key(str did not None) -> bytes:
    """The 16 bytes of a DID: tag 1 and its 15 bytes for did:plc, tag 2 and 15 bytes of SHA-256 for others; errors: FrameError."""
    cdef bytes raw = utf8_of(did)
    cdef DidKey key = DidKey(0, 0)
    cdef int code = did_key(slice_of_bytes(raw), &key)
    if code < 0:
        fail(code, 0)
    return key.high.to_bytes(8, "big") + key.low.to_bytes(8, "big")


def from_key(bytes key not None) -> str:
    """The did:plc of 16 bytes with tag 1; errors: FrameError for anything else (a hash does not lead back)."""
    cdef DidKey parts
    cdef uint8_t text[32]
    if len(key) != 16 or key[0] != DID_KEY_PLC:
        fail(BAD_DID, 0)
    parts.high = int.from_bytes(key[:8], "big")
    parts.low = int.from_bytes(key[8:], "big")
    plc_text(parts, text)
    return (<const char *> text)[:32].decode("ascii")
