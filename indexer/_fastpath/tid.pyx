"""TIDs for Python code."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint64_t

from indexer._fastpath.span cimport Slice


cdef Slice slice_of(bytes raw):
    cdef Slice part
    part.p = <const uint8_t *> PyBytes_AS_STRING(raw)
    part.n = <size_t> PyBytes_GET_SIZE(raw)
    return part


def is_tid(str text not None) -> bool:
    """Whether `text` is a TID by syntax (the top bit may be set)."""
    cdef bytes raw = text.encode("utf-8", "surrogatepass")
    cdef uint64_t bits
    return tid_bits(slice_of(raw), &bits) == 0


def to_int(str text not None) -> int | None:
    """The integer (0 to 2^63 - 1) of a TID, or None for other text, TIDs with the top bit set among it."""
    cdef bytes raw = text.encode("utf-8", "surrogatepass")
    cdef int64_t value
    return None if tid_to_int(slice_of(raw), &value) < 0 else value


def to_text(int64_t value) -> str:
    """The 13 characters of an integer from 0 to 2^63 - 1; errors: ValueError below 0, OverflowError above."""
    cdef uint8_t text[13]
    if value < 0:
        raise ValueError(f"expected an integer of 0 or more, got {value}")
    tid_from_int(value, text)
    return (<const char *> text)[:13].decode("ascii")
