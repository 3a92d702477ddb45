# cython: boundscheck=False, wraparound=False
"""The receiving side of a WebSocket client, from stream bytes to whole binary messages (RFC 6455, section 5).

Owns frame heads, limits and the reassembly of fragments. Control frames are checked and handed out as they came, for
somebody else to answer. Refuses to know sockets, the handshakes, and what a message means.
"""

from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_GET_SIZE, PyByteArray_Resize
from cpython.buffer cimport PyBUF_WRITE
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.memoryview cimport PyMemoryView_FromMemory
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy, memmove


cdef enum State:
    HEAD = 0        # the two bytes that every frame begins with
    LENGTH_16 = 1   # an extended length of two bytes
    LENGTH_64 = 2   # one of eight
    PAYLOAD = 3     # as many bytes as the head announced
    ENDED = 4       # after a close frame or a violation: nothing is read any more

cdef enum Opcode:
    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8

cdef enum Step:
    FRAME = 1       # a whole frame is there
    MORE = 0        # the bytes end before the frame does
    # violations
    RESERVED_BITS = -1
    RESERVED_OPCODE = -2
    MASKED = -3
    LENGTH_NOT_SHORTEST = -4
    LENGTH_TOO_LARGE = -5
    CONTROL_FRAGMENTED = -6
    CONTROL_TOO_LARGE = -7
    UNEXPECTED_CONTINUATION = -8
    EXPECTED_CONTINUATION = -9
    TEXT_MESSAGE = -10
    MESSAGE_TOO_LARGE = -11

PROTOCOL_ERROR = 1002
UNSUPPORTED_DATA = 1003
TOO_BIG = 1009

_VIOLATIONS = {
    RESERVED_BITS: (PROTOCOL_ERROR, "a reserved bit is set, no extension was agreed on"),
    RESERVED_OPCODE: (PROTOCOL_ERROR, "a reserved opcode"),
    MASKED: (PROTOCOL_ERROR, "a masked frame from a server"),
    LENGTH_NOT_SHORTEST: (PROTOCOL_ERROR, "a length that is not in its shortest form"),
    LENGTH_TOO_LARGE: (PROTOCOL_ERROR, "a length of 2**63 or more"),
    CONTROL_FRAGMENTED: (PROTOCOL_ERROR, "a fragmented control frame"),
    CONTROL_TOO_LARGE: (PROTOCOL_ERROR, "a control frame of more than 125 bytes"),
    UNEXPECTED_CONTINUATION: (PROTOCOL_ERROR, "a continuation where no message was begun"),
    EXPECTED_CONTINUATION: (PROTOCOL_ERROR, "a new message before the last fragment of another"),
    TEXT_MESSAGE: (UNSUPPORTED_DATA, "a text message, only binary ones are defined"),
    MESSAGE_TOO_LARGE: (TOO_BIG, "a message larger than"),
}

# The receive buffer begins with this size and returns to it after a message that needed more.
cdef size_t SMALLEST_BUFFER = 4096


cdef struct Reader:
    uint8_t *data       # the buffer: bytes [start, end) are not parsed yet
    size_t capacity
    size_t start
    size_t end
    State state
    bint final          # of the frame being read: the last one of its message
    int opcode
    uint64_t length     # of its payload
    bint fragmented     # between the first and the last fragment of a message
    uint64_t assembled  # bytes of that message so far
    uint64_t largest


cdef int read_head(Reader *r) noexcept nogil:
    """The first two bytes: what kind of frame, and how its length is given."""
    cdef uint8_t first = r.data[r.start]
    cdef uint8_t second = r.data[r.start + 1]
    cdef int opcode = first & 0x0F
    cdef uint8_t short = second & 0x7F
    if first & 0x70:
        return RESERVED_BITS
    r.final = first >> 7
    r.opcode = opcode
    if opcode & 0x08:
        if opcode > 10:
            return RESERVED_OPCODE
        if not r.final:
            return CONTROL_FRAGMENTED
        if short > 125:
            return CONTROL_TOO_LARGE
    elif opcode > BINARY:
        return RESERVED_OPCODE
    if second & 0x80:
        return MASKED
    if opcode == CONTINUATION:
        if not r.fragmented:
            return UNEXPECTED_CONTINUATION
    elif opcode <= BINARY:
        if r.fragmented:
            return EXPECTED_CONTINUATION
        if opcode == TEXT:
            return TEXT_MESSAGE
    r.start += 2
    r.length = short
    r.state = LENGTH_16 if short == 126 else LENGTH_64 if short == 127 else PAYLOAD
    return MORE


cdef int read_length(Reader *r, size_t width, uint64_t smallest) noexcept nogil:
    """An extended length of `width` bytes, which must be `smallest` at least."""
    cdef uint64_t length = 0
    cdef size_t i
    for i in range(width):
        length = length << 8 | r.data[r.start + i]
    if length >> 63:
        return LENGTH_TOO_LARGE
    if length < smallest:
        return LENGTH_NOT_SHORTEST
    r.start += width
    r.length = length
    r.state = PAYLOAD
    return MORE


cdef int advance(Reader *r) noexcept nogil:
    """Go on to the payload of the next frame: FRAME when all of it is there, MORE when it is not, else a violation.

    At FRAME, the payload is the `length` bytes from `start` on; the caller steps over them and sets `state` to HEAD.
    """
    cdef int step
    cdef size_t there
    while True:
        there = r.end - r.start
        if r.state == HEAD:
            if there < 2:
                return MORE
            step = read_head(r)
        elif r.state == LENGTH_16:
            if there < 2:
                return MORE
            step = read_length(r, 2, 126)
        elif r.state == LENGTH_64:
            if there < 8:
                return MORE
            step = read_length(r, 8, 0x10000)
        elif r.state == PAYLOAD:
            # The limit counts what the fragments so far have brought, and holds before any of this is waited for.
            if r.opcode <= BINARY and r.length > r.largest - r.assembled:
                return MESSAGE_TOO_LARGE
            return FRAME if there >= r.length else MORE
        else:
            return MORE
        if step < 0:
            return step


cdef class Deframer:
    """A resumable reader of what a server sends after its handshake.

    Write received bytes into `writable(n)`, tell how many with `received(n)`, then call `messages()`. DANGER: the
    memoryview is a window into memory that the next call of any method may move: never keep it.

    Holds at most `largest` bytes of a message in fragments, `largest` of an unfinished frame, and what one read brought.
    """

    cdef Reader reader
    cdef bytearray fragments
    cdef list control
    cdef readonly object violation

    def __cinit__(self, size_t largest):
        self.reader.data = NULL
        self.reader.largest = largest
        self.fragments = bytearray()
        self.control = []
        self.violation = None

    def __dealloc__(self):
        PyMem_Free(self.reader.data)

    @property
    def ended(self) -> bool:
        """Whether a close frame or a violation was met: what comes after it is not read."""
        return self.reader.state == ENDED

    def writable(self, size_t size) -> memoryview:
        """Room for `size` (>= 1) more bytes."""
        cdef Reader *r = &self.reader
        cdef size_t unread = r.end - r.start
        cdef size_t wanted = unread + size
        cdef uint8_t *grown
        if r.start and unread:
            memmove(r.data, r.data + r.start, unread)
        r.start = 0
        r.end = unread
        if wanted > r.capacity:
            # A large frame arrives in many reads: doubling keeps the copying in proportion to the bytes received.
            wanted = max(wanted, 2 * r.capacity, SMALLEST_BUFFER)
        elif unread or r.capacity <= 4 * max(size, SMALLEST_BUFFER):
            wanted = r.capacity
        if wanted != r.capacity:
            grown = <uint8_t *> PyMem_Realloc(r.data, wanted)
            if grown == NULL:
                raise MemoryError
            r.data = grown
            r.capacity = wanted
        return PyMemoryView_FromMemory(<char *> r.data + unread, size, PyBUF_WRITE)

    def received(self, size_t size) -> None:
        """So many bytes were written to the last `writable`. Raises ValueError if there was no such room."""
        if size > self.reader.capacity - self.reader.end:
            raise ValueError(f"expected at most {self.reader.capacity - self.reader.end} bytes, got {size}")
        self.reader.end += size

    def messages(self) -> tuple[list[bytes], int]:
        """All whole binary messages among the bytes received so far, in order, and the sum of their sizes.

        Control frames on the way are kept for `take_control`. After a frame that breaks the protocol or a limit,
        `violation` is (close code, what was wrong), and nothing that follows it is read.
        """
        cdef Reader *r = &self.reader
        cdef list found = []
        cdef uint64_t total = 0
        cdef int step
        while True:
            step = advance(r)
            if step != FRAME:
                break
            if r.opcode > BINARY:
                self.keep_control()
            elif r.final and not r.fragmented:
                found.append(PyBytes_FromStringAndSize(<char *> r.data + r.start, <Py_ssize_t> r.length))
                total += r.length
            else:
                self.add_fragment()
                if r.final:
                    found.append(bytes(self.fragments))
                    total += r.assembled
                    r.assembled = 0
                    PyByteArray_Resize(self.fragments, 0)
                r.fragmented = not r.final
            r.start += <size_t> r.length
            r.state = ENDED if r.opcode == CLOSE else HEAD
        if step < 0:
            self.refuse(step)
        return found, total

    def take_control(self) -> bytes:
        """The control frames (ping, pong, close) met since the last call, as they came; empty if there were none."""
        if not self.control:
            return b""
        frames = b"".join(self.control)
        self.control.clear()
        return frames

    cdef int keep_control(self) except -1:
        cdef Reader *r = &self.reader
        # A control frame's head is two bytes, since longer lengths are refused; it stands right before the payload
        # unless a read ended between them, so it is written anew.
        self.control.append(bytes((0x80 | r.opcode, r.length)))
        self.control.append(PyBytes_FromStringAndSize(<char *> r.data + r.start, <Py_ssize_t> r.length))
        return 0

    cdef int add_fragment(self) except -1:
        cdef Reader *r = &self.reader
        cdef Py_ssize_t before = PyByteArray_GET_SIZE(self.fragments)
        PyByteArray_Resize(self.fragments, before + <Py_ssize_t> r.length)
        memcpy(PyByteArray_AS_STRING(self.fragments) + before, r.data + r.start, <size_t> r.length)
        r.assembled += r.length
        return 0

    cdef int refuse(self, int step) except -1:
        code, words = _VIOLATIONS[step]
        if step == MESSAGE_TOO_LARGE:
            words = f"{words} {self.reader.largest} bytes"
        self.violation = (code, words)
        self.reader.state = ENDED
        return 0
