"""TIDs for Python code."""

from libc.stdint cimport int64_t, uint8_t, uint64_t

from indexer._fastpath.objects cimport slice_of_bytes, utf8_of


def is_tid(str text not None) -> bool:
    """Whether `text` is a TID by syntax (the top bit may be set)."""
    cdef bytes raw = utf8_of(text)
    cdef uint64_t bits
    return tid_bits(slice_of_bytes(raw), &bits) == 0


def to_int(str text not None) -> int | None:
    """The integer (0 to 2^63 - 1) of a TID, or None for other text, TIDs with the top bit set among it."""
    cdef bytes raw = utf8_of(text)
    cdef int64_t value
    return None if tid_to_int(slice_of_bytes(raw), &value) < 0 else value


def to_text(int64_t value) -> str:
    """The 13 characters of an integer from 0 to 2^63 - 1; errors: ValueError below 0, OverflowError above."""
    cdef uint8_t text[13]
    if value < 0:
        raise ValueError(f"expected an integer of 0 or more, got {value}")
    tid_from_int(value, text)
    return (<const char *> text)[:13].decode("ascii")
