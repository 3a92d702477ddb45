# cython: boundscheck=False, wraparound=False
"""Frames files as a relay plays them: from (4-byte big-endian length, frame) to WebSocket messages, many at a time.

For the simulated relay, which shares its cores with the program under test and must cost next to nothing. Owns the head
of a message (RFC 6455, section 5.2) and how a frame's sequence number is found; refuses to know files and sockets.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

cdef extern from "string.h" nogil:
    void *memmem(const void *haystack, size_t haystack_size, const void *needle, size_t needle_size)

cdef enum:
    BINARY = 0x82  # the one and last frame of a binary message
    LENGTH_BYTES = 4


cdef inline uint32_t length_at(const uint8_t *p) noexcept nogil:
    return <uint32_t> p[0] << 24 | <uint32_t> p[1] << 16 | <uint32_t> p[2] << 8 | p[3]


cdef int64_t sequence_at(const uint8_t *frame, size_t size) noexcept nogil:
    """The frame's sequence number; 0 if it has none.

    Looked for, not parsed: `seq` comes first in the small messages and after `ops` and `rev` in commits; only a hash in
    `ops` could hold the same four bytes before it (once in 10^8 frames), so what follows must be a number as well.
    """
    cdef const uint8_t *end = frame + size
    cdef const uint8_t *at = <const uint8_t *> memmem(frame, size, b"\x63seq", 4)
    cdef uint64_t value
    cdef int width
    cdef int i
    while at != NULL and end - at > 4:
        at += 4
        if at[0] < 24:
            return at[0]
        if at[0] <= 27:
            width = 1 << (at[0] - 24)
            if end - at <= width:
                return 0
            value = 0
            for i in range(width):
                value = value << 8 | at[1 + i]
            return <int64_t> value
        at = <const uint8_t *> memmem(at, <size_t> (end - at), b"\x63seq", 4)
    return 0


cdef inline Py_ssize_t head_size(Py_ssize_t size) noexcept nogil:
    return 2 if size < 126 else 4 if size < 65536 else 10


cdef inline uint8_t *put_message(uint8_t *out, const uint8_t *frame, uint32_t size) noexcept nogil:
    cdef int i
    out[0] = BINARY
    if size < 126:
        out[1] = <uint8_t> size
    elif size < 65536:
        out[1] = 126
        out[2] = <uint8_t> (size >> 8)
        out[3] = <uint8_t> size
    else:
        out[1] = 127
        for i in range(8):
            out[2 + i] = <uint8_t> (<uint64_t> size >> (56 - 8 * i))
    out += head_size(size)
    memcpy(out, frame, size)
    return out + size


def sequence_numbers(const uint8_t[::1] data not None, Py_ssize_t start, Py_ssize_t end) -> tuple[bytes, int]:
    """The sequence numbers of the whole frames in data[start:end], as int64 in the machine's order, and where they end.

    Raises ValueError unless 0 <= start <= end <= len(data).
    """
    cdef const uint8_t *base
    cdef Py_ssize_t at = start
    cdef Py_ssize_t stop
    cdef Py_ssize_t count = 0
    cdef Py_ssize_t room
    cdef bytes found
    cdef int64_t *numbers
    check_range(start, end, data.shape[0])
    base = &data[0] if data.shape[0] else NULL
    room = 0
    while end - at >= LENGTH_BYTES:
        at += LENGTH_BYTES + <Py_ssize_t> length_at(base + at)
        room += 1
    found = PyBytes_FromStringAndSize(NULL, room * <Py_ssize_t> sizeof(int64_t))
    numbers = <int64_t *> PyBytes_AS_STRING(found)
    at = start
    with nogil:
        while end - at >= LENGTH_BYTES:
            stop = at + LENGTH_BYTES + <Py_ssize_t> length_at(base + at)
            if stop > end:
                break
            numbers[count] = sequence_at(base + at + LENGTH_BYTES, <size_t> (stop - at - LENGTH_BYTES))
            count += 1
            at = stop
    return found[:count * <Py_ssize_t> sizeof(int64_t)], at


cdef int check_range(Py_ssize_t start, Py_ssize_t end, Py_ssize_t size) except -1:
    if not 0 <= start <= end <= size:
        raise ValueError(f"expected 0 <= start <= end <= {size}, got {start} and {end}")
    return 0


cdef class MessageMaker:
    """Makes WebSocket messages of a file's frames, in order, leaving out those up to a sequence number.

    after: that number, 0 for none. last_skipped: the number of the last frame that was left out. started: whether one
    was not, so that all that follow are taken.
    """

    cdef readonly int64_t after
    cdef readonly int64_t last_skipped
    cdef readonly bint started

    def __init__(self, int64_t after=0):
        self.after = after
        self.last_skipped = 0
        self.started = after <= 0

    def messages(
        self, const uint8_t[::1] data not None, Py_ssize_t start, Py_ssize_t end, Py_ssize_t most
    ) -> tuple[bytes, int, int]:
        """Messages of the whole frames in data[start:end], at most so many; where the last of these ends; how many.

        Raises ValueError unless 0 <= start <= end <= len(data).
        """
        cdef const uint8_t *base
        cdef Py_ssize_t at = start
        cdef Py_ssize_t stop
        cdef Py_ssize_t count = 0
        cdef Py_ssize_t size = 0
        cdef uint8_t *out
        cdef bytes made
        check_range(start, end, data.shape[0])
        base = &data[0] if data.shape[0] else NULL
        while not self.started and end - at >= LENGTH_BYTES:
            stop = at + LENGTH_BYTES + <Py_ssize_t> length_at(base + at)
            if stop > end:
                break
            self.last_skipped = sequence_at(base + at + LENGTH_BYTES, <size_t> (stop - at - LENGTH_BYTES))
            if self.last_skipped > self.after:
                self.started = True
            else:
                at = stop
        if not self.started:
            return b"", at, 0
        start = at
        while count < most and end - at >= LENGTH_BYTES:
            stop = at + LENGTH_BYTES + <Py_ssize_t> length_at(base + at)
            if stop > end:
                break
            size += stop - at - LENGTH_BYTES + head_size(stop - at - LENGTH_BYTES)
            count += 1
            at = stop
        made = PyBytes_FromStringAndSize(NULL, size)
        out = <uint8_t *> PyBytes_AS_STRING(made)
        at = start
        with nogil:
            for _ in range(count):
                stop = at + LENGTH_BYTES + <Py_ssize_t> length_at(base + at)
                out = put_message(out, base + at + LENGTH_BYTES, <uint32_t> (stop - at - LENGTH_BYTES))
                at = stop
        return made, at, count
