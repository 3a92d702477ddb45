# cython: boundscheck=False, wraparound=False
"""DAG-CBOR straight to JSON, without making objects.

Owns what JSON a value means (atproto data model: CIDs as `{"$link"}`, bytes as `{"$bytes"}`). Refuses to know what a record is.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy

from indexer._fastpath.cbor cimport (
    ARRAY, BYTES, FALSE, FLOAT, MAP, MAX_DEPTH, NEGATIVE, TAG, TEXT, TRUE, UNSIGNED, Tolerance, read_link_body,
)
from indexer._fastpath.cid cimport cid_to_text
from indexer._fastpath.objects cimport bytes_of, span_of_bytes
from indexer._fastpath.output cimport Output, put, put_byte, reserve
from indexer._fastpath.reasons cimport BAD_UTF8, INTEGER_RANGE, OK, OUT_OF_MEMORY, TOO_DEEP, TRAILING_BYTES, TRUNCATED, fail
from indexer._fastpath.span cimport Slice, Span, left, take
from indexer._fastpath.text cimport text_base64_write, text_is_utf8_slowly, text_json_copy
from indexer._fastpath.tolerant cimport check_unsorted, read_head_tolerant, read_next_key


cdef int write_json_text(Output *out, Slice text, const uint8_t *end) noexcept nogil:
    """A JSON string: quote, backslash and control characters (NUL too) are escaped, nothing else. `end` is where the input ends.
    BAD_UTF8 where the text is none."""
    cdef size_t plain
    if reserve(out, text.n + 32) < 0:
        return OUT_OF_MEMORY
    put_byte(out, b'"')
    plain = text_json_copy(text.p, text.n, <size_t> (end - text.p), out.data + out.used)
    out.used += plain
    if plain < text.n:
        return write_json_rest(out, text.p + plain, text.n - plain)
    put_byte(out, b'"')
    return OK


cdef int write_json_rest(Output *out, const uint8_t *p, size_t n) noexcept nogil:
    """The rest of a text from its first byte that is not plain ASCII on, and the closing quote."""
    cdef const char *hexadecimal = b"0123456789abcdef"
    cdef size_t i
    cdef uint8_t c
    if not text_is_utf8_slowly(p, n):
        return BAD_UTF8
    for i in range(n):
        # Room for this byte's escape and for all that follows as it is.
        if reserve(out, n - i + 8) < 0:
            return OUT_OF_MEMORY
        c = p[i]
        if c >= 0x20 and c != b'"' and c != b'\\':
            put_byte(out, c)
            continue
        put_byte(out, b'\\')
        if c == b'"' or c == b'\\':
            put_byte(out, c)
        elif c == 10:
            put_byte(out, b'n')
        elif c == 9:
            put_byte(out, b't')
        elif c == 13:
            put_byte(out, b'r')
        elif c == 8:
            put_byte(out, b'b')
        elif c == 12:
            put_byte(out, b'f')
        else:
            put(out, b"u00", 3)
            put_byte(out, hexadecimal[c >> 4])
            put_byte(out, hexadecimal[c & 15])
    put_byte(out, b'"')
    return OK


cdef void put_integer(Output *out, uint64_t argument, bint negative) noexcept nogil:
    cdef uint8_t digits[24]
    cdef int at = 24
    if negative:
        put_byte(out, b'-')
        argument += 1
    while True:
        at -= 1
        digits[at] = <uint8_t> (48 + argument % 10)
        argument //= 10
        if argument == 0:
            break
    put(out, digits + at, 24 - at)


cdef int write_json_float(Output *out, uint64_t bits) noexcept nogil:
    """The shortest digits that give the same double: Python's own, since tolerated floats are rare."""
    cdef double value
    cdef int code = OUT_OF_MEMORY
    memcpy(&value, &bits, 8)
    with gil:
        try:
            text = repr(value).encode("ascii")
            if reserve(out, <size_t> PyBytes_GET_SIZE(text)) == OK:
                put(out, PyBytes_AS_STRING(text), <size_t> PyBytes_GET_SIZE(text))
                code = OK
        except MemoryError:
            code = OUT_OF_MEMORY
    return code


cdef int write_json_value(Span *s, Output *out, Tolerance *tolerance, int depth) noexcept nogil:
    cdef const uint8_t *start = s.p
    cdef const uint8_t *first_key
    cdef const uint8_t *cid
    cdef uint64_t argument, i
    cdef int major
    cdef Slice part
    cdef bint unsorted = False
    cdef int code = read_head_tolerant(s, &major, &argument, tolerance)
    if code < 0:
        return code
    if major == TEXT:
        if take(s, argument, &part) < 0:
            s.p = start
            return TRUNCATED
        code = write_json_text(out, part, s.end)
        if code < 0:
            s.p = start
        return code
    # Every other value's own characters fit in here; bytes reserve again.
    if reserve(out, 96) < 0:
        return OUT_OF_MEMORY
    if major == UNSIGNED or major == NEGATIVE:
        if argument >> 63:
            s.p = start
            return INTEGER_RANGE
        put_integer(out, argument, major == NEGATIVE)
        return OK
    if major == MAP:
        if depth <= 0:
            s.p = start
            return TOO_DEEP
        if argument > left(s):
            s.p = start
            return TRUNCATED
        part.p = NULL
        part.n = 0
        first_key = s.p
        put_byte(out, b'{')
        for i in range(argument):
            code = read_next_key(s, &part, tolerance, &unsorted)
            if code < 0:
                return code
            if write_json_text(out, part, s.end) < 0 or reserve(out, 2) < 0:
                return OUT_OF_MEMORY
            put_byte(out, b':')
            code = write_json_value(s, out, tolerance, depth - 1)
            if code < 0:
                return code
            if reserve(out, 2) < 0:
                return OUT_OF_MEMORY
            put_byte(out, b',')
        if argument:
            out.used -= 1
        put_byte(out, b'}')
        if unsorted:
            code = check_unsorted(first_key, s.end, argument, tolerance, depth - 1)
            if code < 0:
                s.p = start
            return code
        return OK
    if major == ARRAY:
        if depth <= 0:
            s.p = start
            return TOO_DEEP
        if argument > left(s):
            s.p = start
            return TRUNCATED
        put_byte(out, b'[')
        for i in range(argument):
            code = write_json_value(s, out, tolerance, depth - 1)
            if code < 0:
                return code
            if reserve(out, 2) < 0:
                return OUT_OF_MEMORY
            put_byte(out, b',')
        if argument:
            out.used -= 1
        put_byte(out, b']')
        return OK
    if major == TAG:
        code = read_link_body(s, &cid, tolerance)
        if code < 0:
            return code
        put(out, b'{"$link":"', 10)
        cid_to_text(cid, out.data + out.used)
        out.used += 59
        put(out, b'"}', 2)
        return OK
    if major == BYTES:
        if take(s, argument, &part) < 0:
            s.p = start
            return TRUNCATED
        if reserve(out, part.n + part.n // 3 + 32) < 0:
            return OUT_OF_MEMORY
        put(out, b'{"$bytes":"', 11)
        out.used += text_base64_write(part.p, part.n, out.data + out.used)
        put(out, b'"}', 2)
        return OK
    if major == FLOAT:
        return write_json_float(out, argument)
    if argument == TRUE:
        put(out, b"true", 4)
    elif argument == FALSE:
        put(out, b"false", 5)
    else:
        put(out, b"null", 4)
    return OK


cdef Output spare = Output(NULL, 0, 0)  # kept from one call of to_json to the next
cdef bint spare_is_taken = False

cdef enum:
    SPARE_KEPT = 1048576


def to_json(bytes data not None, unsigned int tolerate=0) -> bytes:
    """The JSON (UTF-8) of the one value that `data` holds; links become `{"$link"}`, bytes `{"$bytes"}` in base64 without padding.

    Errors: FrameError with reason and offset."""
    cdef Span s = span_of_bytes(data)
    cdef Tolerance tolerance = Tolerance(tolerate, 0)
    cdef const uint8_t *base = s.p
    cdef Output own = Output(NULL, 0, 0)
    cdef Output *out = &own
    cdef int code
    global spare_is_taken
    # An object's finalizer may come here again in the middle: the second one uses memory of its own.
    if not spare_is_taken:
        spare_is_taken = True
        out = &spare
        out.used = 0
    try:
        code = write_json_value(&s, out, &tolerance, MAX_DEPTH)
        if code == OK and s.p != s.end:
            code = TRAILING_BYTES
        if code < 0:
            fail(code, s.p - base)
        return bytes_of(out.data, out.used)
    finally:
        if out == &own or out.capacity > SPARE_KEPT:
            free(out.data)
            out.data = NULL
            out.capacity = 0
        if out == &spare:
            spare_is_taken = False
