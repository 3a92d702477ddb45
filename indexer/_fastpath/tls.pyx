# cython: boundscheck=False, wraparound=False
"""Where TLS records end (RFC 8446, 5.1). Owns nothing else: their contents are OpenSSL's business."""

from libc.stdint cimport uint8_t

cdef enum:
    HEADER_BYTES = 5                    # type, version, length
    LARGEST_PAYLOAD = 16384 + 2048      # what TLS 1.2 allows an encrypted record; 1.3 allows less


def whole_records(const uint8_t[::1] data not None, Py_ssize_t start, Py_ssize_t end, Py_ssize_t limit) -> tuple[int, int]:
    """How far whole records go in data[start:end], and how many they are: as many as fit into `limit` bytes, and one in
    any case if it is there. What no record can begin with counts as one that goes on to the end: OpenSSL is to refuse it.

    Raises ValueError unless 0 <= start <= end <= len(data).
    """
    cdef Py_ssize_t stop = start
    cdef Py_ssize_t size
    cdef Py_ssize_t count = 0
    if not 0 <= start <= end <= data.shape[0]:
        raise ValueError(f"expected 0 <= start <= end <= {data.shape[0]}, got {start} and {end}")
    while end - stop >= HEADER_BYTES:
        size = (data[stop + 3] << 8 | data[stop + 4]) + HEADER_BYTES
        if size > HEADER_BYTES + LARGEST_PAYLOAD:
            return end, count + 1
        if size > end - stop or (count and stop + size - start > limit):
            break
        stop += size
        count += 1
    return stop, count
