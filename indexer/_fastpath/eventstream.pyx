# cython: boundscheck=False, wraparound=False
"""A glance at event-stream frames without decoding them.

Owns which headers are those of data frames; what the other frames are, somebody else reads.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.string cimport memcmp


cdef enum:
    COMMIT_HEADER_SIZE = 15


cdef bint is_data(const char *frame, size_t size) noexcept nogil:
    """Whether the frame begins with the complete header of a data frame, in DAG-CBOR's only order: `t` before `op`."""
    if size < COMMIT_HEADER_SIZE:
        return size >= 13 and memcmp(frame, b"\xa2ate#syncbop\x01", 13) == 0
    if memcmp(frame, b"\xa2atg#commitbop\x01", COMMIT_HEADER_SIZE) == 0:
        return True
    if memcmp(frame, b"\xa2at", 3) != 0:
        return False
    return (
        memcmp(frame, b"\xa2ate#syncbop\x01", 13) == 0
        or (size >= 16 and memcmp(frame, b"\xa2ath#accountbop\x01", 16) == 0)
        or (size >= 17 and memcmp(frame, b"\xa2ati#identitybop\x01", 17) == 0)
    )


def control_positions(list frames not None) -> list:
    """Where in `frames` those stand whose header is not that of a #commit, #sync, #account or #identity: the stream's
    own messages and errors, unknown kinds, and whatever does not decode."""
    cdef list found = []
    cdef Py_ssize_t i
    cdef bytes frame
    for i in range(len(frames)):
        frame = frames[i]
        if not is_data(PyBytes_AS_STRING(frame), <size_t> PyBytes_GET_SIZE(frame)):
            found.append(i)
    return found
