# cython: boundscheck=False, wraparound=False
"""Strict DAG-CBOR: step over, decode to Python objects, encode, and transcode to JSON without making objects.

Owns what bytes are DAG-CBOR and what JSON they mean (atproto data model: CIDs as `{"$link"}`, bytes as `{"$bytes"}`). Refuses to know
what a record is.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_Size
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.math cimport isfinite, ldexp
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcmp, memcpy

from indexer._fastpath.cid cimport CID, cid_to_text, make_cid
from indexer._fastpath.reasons cimport (
    BAD_TAG, BAD_UTF8, FLOAT_NOT_FINITE, FLOAT_REFUSED, KEY_DUPLICATE, KEY_NOT_TEXT, KEY_ORDER, NOT_SHORTEST, OK, OUT_OF_MEMORY,
    TOO_DEEP, TOO_MANY_KEYS, TRAILING_BYTES, TRUNCATED, WRONG_TYPE, fail,
)
from indexer._fastpath.span cimport Slice, Span, left, span_of, take
from indexer._fastpath.text cimport (
    text_base64_write, text_is_ascii, text_is_utf8, text_is_utf8_slowly, text_json_copy,
)

TOLERATE_NOTHING = 0
TOLERATE_FLOATS = FLOATS
TOLERATE_LENGTHS = LENGTHS
TOLERATE_KEYS = KEYS
TOLERATE_CIDS = CIDS
TOLERATE_ALL = ALL_DEVIATIONS
MAXIMUM_DEPTH = MAX_DEPTH

cdef enum:
    MAX_UNSORTED_KEYS = 256  # such a map is searched for duplicates pair by pair


# --- heads and keys with deviations --------------------------------------------------------------------------------

cdef double half_to_double(uint32_t half) noexcept nogil:
    cdef int exponent = <int> (half >> 10) & 31
    cdef double mantissa = <double> (half & 1023)
    cdef double value
    if exponent == 0:
        value = ldexp(mantissa, -24)
    elif exponent < 31:
        value = ldexp(mantissa + 1024, exponent - 25)
    else:
        value = ldexp(1.0, 2000)  # infinite or not a number: refused by the caller either way
    return -value if half & 0x8000 else value


cdef int read_float(Span *s, int *major, uint64_t *argument) noexcept nogil:
    """A finite floating-point number of 16, 32 or 64 bits, as the bits of a double."""
    cdef int width = 1 << ((s.p[0] & 31) - 24)
    cdef uint32_t bits32
    cdef float single
    cdef double value
    if left(s) < <size_t> (1 + width):
        return TRUNCATED
    if width == 2:
        value = half_to_double((<uint32_t> s.p[1] << 8) | s.p[2])
    elif width == 4:
        bits32 = <uint32_t> load32(s.p + 1)
        memcpy(&single, &bits32, 4)
        value = single
    else:
        argument[0] = (load32(s.p + 1) << 32) | load32(s.p + 5)
        memcpy(&value, argument, 8)
    if not isfinite(value):
        return FLOAT_NOT_FINITE
    memcpy(argument, &value, 8)
    major[0] = FLOAT
    s.p += 1 + width
    return OK


cdef int read_long_head(Span *s, int *major, uint64_t *argument) noexcept nogil:
    """A head whose argument could have been written shorter."""
    cdef int width = 1 << ((s.p[0] & 31) - 24)
    cdef int i
    if s.p[0] >= 0xC0:
        return BAD_TAG
    argument[0] = 0
    for i in range(width):
        argument[0] = (argument[0] << 8) | s.p[1 + i]
    major[0] = s.p[0] >> 5
    s.p += 1 + width
    return OK


cdef int read_head_tolerant(Span *s, int *major, uint64_t *argument, Tolerance *tolerance) noexcept nogil:
    cdef int code = read_head(s, major, argument)
    if code == OK or tolerance == NULL:
        return code
    if code == NOT_SHORTEST and tolerance.allowed & LENGTHS:
        code = read_long_head(s, major, argument)
        if code == OK:
            tolerance.seen |= LENGTHS
    elif code == FLOAT_REFUSED and tolerance.allowed & FLOATS:
        code = read_float(s, major, argument)
        if code == OK:
            tolerance.seen |= FLOATS
    return code


cdef inline int read_text_body(Span *s, const uint8_t *start, uint64_t length, Slice *out) noexcept nogil:
    """A text's bytes, after its head, which began at `start`."""
    if take(s, length, out) < 0:
        s.p = start
        return TRUNCATED
    if not text_is_utf8(out.p, out.n, <size_t> (s.end - out.p)):
        s.p = start
        return BAD_UTF8
    return OK


cdef inline int read_next_key(Span *s, Slice *key, Tolerance *tolerance, bint *unsorted) noexcept nogil:
    """As `read_key`; keys out of order raise the flag `unsorted` where that is tolerated."""
    cdef const uint8_t *start = s.p
    cdef Slice previous = key[0]
    cdef uint64_t length
    cdef int major, order
    cdef int code = read_head_tolerant(s, &major, &length, tolerance)
    if code < 0:
        return code
    if major != TEXT:
        s.p = start
        return KEY_NOT_TEXT
    code = read_text_body(s, start, length, key)
    if code < 0:
        return code
    if previous.p != NULL:
        order = compare_keys(previous, key[0])
        if order >= 0:
            if order > 0 and tolerance != NULL and tolerance.allowed & KEYS:
                tolerance.seen |= KEYS
                unsorted[0] = True
                return OK
            s.p = start
            return KEY_DUPLICATE if order == 0 else KEY_ORDER
    return OK


cdef int check_unsorted(const uint8_t *first_key, const uint8_t *end, uint64_t pairs, Tolerance *tolerance, int depth) noexcept nogil:
    """Whether the keys of a map that has passed every other check are unique, although not in order."""
    cdef Slice keys[MAX_UNSORTED_KEYS]
    cdef Span s
    cdef uint64_t length
    cdef int major
    cdef size_t i, j
    if pairs > MAX_UNSORTED_KEYS:
        return TOO_MANY_KEYS
    s.p = first_key
    s.end = end
    for i in range(<size_t> pairs):
        read_head_tolerant(&s, &major, &length, tolerance)
        take(&s, length, &keys[i])
        skip_value(&s, tolerance, depth, False)
        for j in range(i):
            if compare_keys(keys[i], keys[j]) == 0:
                return KEY_DUPLICATE
    return OK


# --- stepping over --------------------------------------------------------------------------------------------------

cdef int skip_value(Span *s, Tolerance *tolerance, int depth, bint check_unique) noexcept nogil:
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
        return read_text_body(s, start, argument, &part)
    if major == UNSIGNED or major == NEGATIVE:
        if argument >> 63:
            s.p = start
            return INTEGER_RANGE
        return OK
    if major == BYTES:
        code = take(s, argument, &part)
        if code < 0:
            s.p = start
        return code
    if major == TAG:
        return read_link_body(s, &cid, tolerance)
    if major == ARRAY or major == MAP:
        if depth <= 0:
            s.p = start
            return TOO_DEEP
        if argument > left(s):
            s.p = start
            return TRUNCATED
        if major == ARRAY:
            for i in range(argument):
                code = skip_value(s, tolerance, depth - 1, check_unique)
                if code < 0:
                    return code
            return OK
        part.p = NULL
        part.n = 0
        first_key = s.p
        for i in range(argument):
            code = read_next_key(s, &part, tolerance, &unsorted)
            if code < 0:
                return code
            code = skip_value(s, tolerance, depth - 1, check_unique)
            if code < 0:
                return code
        if unsorted and check_unique:
            code = check_unsorted(first_key, s.end, argument, tolerance, depth - 1)
            if code < 0:
                s.p = start
            return code
    return OK


cdef int skip(Span *s, Tolerance *tolerance) noexcept nogil:
    return skip_value(s, tolerance, MAX_DEPTH, True)


# --- to JSON --------------------------------------------------------------------------------------------------------

cdef int reserve(Output *out, size_t n) noexcept nogil:
    cdef size_t capacity
    cdef uint8_t *moved
    if out.capacity - out.used >= n:
        return OK
    capacity = out.capacity * 2 + n + 64
    moved = <uint8_t *> realloc(out.data, capacity)
    if moved == NULL:
        return OUT_OF_MEMORY
    out.data = moved
    out.capacity = capacity
    return OK


cdef inline void put(Output *out, const void *data, size_t n) noexcept nogil:
    """Append what room was reserved for."""
    memcpy(out.data + out.used, data, n)
    out.used += n


cdef inline void put_byte(Output *out, uint8_t value) noexcept nogil:
    out.data[out.used] = value
    out.used += 1


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


cdef int write_json(Span *s, Output *out, Tolerance *tolerance) noexcept nogil:
    return write_json_value(s, out, tolerance, MAX_DEPTH)


# --- to Python objects ----------------------------------------------------------------------------------------------

cdef extern from "Python.h":
    object PyUnicode_New(Py_ssize_t size, Py_UCS4 maxchar)
    void *PyUnicode_DATA(object text)

cdef enum:
    KEY_CACHE = 512  # slots; keys of up to 32 bytes that came last
    KEY_CACHE_LONGEST = 32

cdef PyObject *cached_keys[KEY_CACHE]
cdef uint8_t cached_bytes[KEY_CACHE][KEY_CACHE_LONGEST]
cdef uint8_t cached_lengths[KEY_CACHE]


cdef object text_object(Slice text):
    """A str of checked UTF-8."""
    cdef object out
    if text_is_ascii(text.p, text.n, text.n):
        out = PyUnicode_New(<Py_ssize_t> text.n, 127)
        memcpy(PyUnicode_DATA(out), text.p, text.n)
        return out
    return PyUnicode_DecodeUTF8(<const char *> text.p, <Py_ssize_t> text.n, NULL)


cdef object key_object(Slice key):
    """The str of a map key: records use the same few names over and over."""
    cdef uint32_t slot
    cdef object out
    cdef size_t i
    if key.n > KEY_CACHE_LONGEST or key.n == 0:
        return text_object(key)
    slot = <uint32_t> key.n
    for i in range(key.n):
        slot = slot * 31 + key.p[i]
    slot &= KEY_CACHE - 1
    if cached_keys[slot] != NULL and cached_lengths[slot] == key.n and memcmp(cached_bytes[slot], key.p, key.n) == 0:
        return <object> cached_keys[slot]
    out = text_object(key)
    Py_XDECREF(cached_keys[slot])
    Py_INCREF(out)
    cached_keys[slot] = <PyObject *> out
    cached_lengths[slot] = <uint8_t> key.n
    memcpy(cached_bytes[slot], key.p, key.n)
    return out


cdef object decode_object(Span *s, const uint8_t *base, Tolerance *tolerance, int depth):
    cdef const uint8_t *start = s.p
    cdef const uint8_t *cid = NULL
    cdef uint64_t argument, i
    cdef int64_t number
    cdef double value
    cdef int major
    cdef Slice part
    cdef bint unsorted = False
    cdef dict mapping
    cdef list items
    cdef int code = read_head_tolerant(s, &major, &argument, tolerance)
    if code < 0:
        fail(code, s.p - base)
    if major == TEXT:
        code = read_text_body(s, start, argument, &part)
        if code < 0:
            fail(code, s.p - base)
        return text_object(part)
    if major == UNSIGNED or major == NEGATIVE:
        if argument >> 63:
            fail(INTEGER_RANGE, start - base)
        number = <int64_t> argument
        return number if major == UNSIGNED else -1 - number
    if major == MAP or major == ARRAY:
        if depth <= 0:
            fail(TOO_DEEP, start - base)
        if argument > left(s):
            fail(TRUNCATED, start - base)
        if major == ARRAY:
            # Grown item by item: a count is only a claim until its items have been seen.
            items = []
            for i in range(argument):
                items.append(decode_object(s, base, tolerance, depth - 1))
            return items
        mapping = {}
        part.p = NULL
        part.n = 0
        for i in range(argument):
            code = read_next_key(s, &part, tolerance, &unsorted)
            if code < 0:
                fail(code, s.p - base)
            key = key_object(part)
            mapping[key] = decode_object(s, base, tolerance, depth - 1)
        if unsorted and <uint64_t> PyDict_Size(mapping) != argument:
            fail(KEY_DUPLICATE, start - base)
        return mapping
    if major == BYTES:
        if take(s, argument, &part) < 0:
            fail(TRUNCATED, start - base)
        return PyBytes_FromStringAndSize(<const char *> part.p, <Py_ssize_t> part.n)
    if major == TAG:
        code = read_link_body(s, &cid, tolerance)
        if code < 0:
            fail(code, s.p - base)
        return make_cid(cid)
    if major == FLOAT:
        memcpy(&value, &argument, 8)
        return value
    if argument == NULL_VALUE:
        return None
    return argument == TRUE


cdef object decode_value(Span *s, const uint8_t *base, Tolerance *tolerance):
    """One value as an object; errors: FrameError whose offset counts from `base`."""
    return decode_object(s, base, tolerance, MAX_DEPTH)


cdef inline Span span_of_bytes(bytes data):
    return span_of(<const uint8_t *> PyBytes_AS_STRING(data), <size_t> PyBytes_GET_SIZE(data))


def decode(bytes data not None, unsigned int tolerate=0):
    """The one value that `data` holds: dict, list, str, bytes, CID, int, bool or None (float where TOLERATE_FLOATS is given).

    `tolerate`: TOLERATE_… bits. Errors: FrameError with reason and offset."""
    cdef Span s = span_of_bytes(data)
    cdef Tolerance tolerance = Tolerance(tolerate, 0)
    cdef const uint8_t *base = s.p
    value = decode_object(&s, base, &tolerance, MAX_DEPTH)
    if s.p != s.end:
        fail(TRAILING_BYTES, s.p - base)
    return value


def decode_at(bytes data not None, Py_ssize_t offset=0, unsigned int tolerate=0):
    """The value that begins at `offset`, and the offset where it ends: a frame is two values in a row.

    Errors: FrameError with reason and offset (from the start of `data`); ValueError for an offset outside of `data`."""
    cdef Span s = span_of_bytes(data)
    cdef Tolerance tolerance = Tolerance(tolerate, 0)
    cdef const uint8_t *base = s.p
    if offset < 0 or offset > PyBytes_GET_SIZE(data):
        raise ValueError(f"expected an offset within {PyBytes_GET_SIZE(data)} bytes, got {offset}")
    s.p += offset
    value = decode_object(&s, base, &tolerance, MAX_DEPTH)
    return value, s.p - base


def check(bytes data not None, unsigned int tolerate=0) -> int:
    """Check all of `data` without making objects; gives the TOLERATE_… bits of what had to be tolerated.

    Errors: FrameError with reason and offset."""
    cdef Span s = span_of_bytes(data)
    cdef Tolerance tolerance = Tolerance(tolerate, 0)
    cdef const uint8_t *base = s.p
    cdef int code = skip(&s, &tolerance)
    if code == OK and s.p != s.end:
        code = TRAILING_BYTES
    if code < 0:
        fail(code, s.p - base)
    return tolerance.seen


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
        return PyBytes_FromStringAndSize(<const char *> out.data, <Py_ssize_t> out.used)
    finally:
        if out == &own or out.capacity > SPARE_KEPT:
            free(out.data)
            out.data = NULL
            out.capacity = 0
        if out == &spare:
            spare_is_taken = False


# --- from Python objects ----------------------------------------------------------------------------------------------

cdef int put_head(Output *out, int major, uint64_t argument) except -1:
    cdef int width
    cdef int i
    if reserve(out, 9) < 0:
        raise MemoryError
    if argument < 24:
        put_byte(out, <uint8_t> (major << 5 | argument))
        return 0
    width = 1 if argument < 0x100 else 2 if argument < 0x10000 else 4 if argument >> 32 == 0 else 8
    put_byte(out, <uint8_t> (major << 5 | (24 if width == 1 else 25 if width == 2 else 26 if width == 4 else 27)))
    for i in range(width - 1, -1, -1):
        put_byte(out, <uint8_t> (argument >> (8 * i)))
    return 0


cdef int put_string(Output *out, int major, bytes data) except -1:
    cdef size_t n = <size_t> PyBytes_GET_SIZE(data)
    put_head(out, major, n)
    if reserve(out, n) < 0:
        raise MemoryError
    put(out, PyBytes_AS_STRING(data), n)
    return 0


def key_order(bytes key) -> tuple[int, bytes]:
    """What map keys are sorted by."""
    return len(key), key


cdef int encode_object(object value, Output *out, int depth) except -1:
    cdef bytes raw
    if isinstance(value, str):
        return put_string(out, TEXT, (<str> value).encode("utf-8"))
    if value is None or value is True or value is False:
        if reserve(out, 1) < 0:
            raise MemoryError
        put_byte(out, 0xF6 if value is None else 0xF5 if value is True else 0xF4)
        return 0
    if isinstance(value, int):
        if not -(1 << 63) <= value < (1 << 63):
            raise ValueError(f"expected an integer of 64 bits signed, got {value}")
        return put_head(out, UNSIGNED, value) if value >= 0 else put_head(out, NEGATIVE, -1 - value)
    if isinstance(value, CID):
        if reserve(out, 41) < 0:
            raise MemoryError
        put(out, b"\xd8\x2a\x58\x25\x00", 5)
        put(out, (<CID> value).raw, 36)
        return 0
    if isinstance(value, (bytes, bytearray, memoryview)):
        return put_string(out, BYTES, bytes(value))
    if depth <= 0:
        raise ValueError(f"expected at most {MAX_DEPTH} levels of nesting")
    if isinstance(value, (list, tuple)):
        put_head(out, ARRAY, len(value))
        for item in value:
            encode_object(item, out, depth - 1)
        return 0
    if isinstance(value, dict):
        put_head(out, MAP, len(value))
        keys = []
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"expected map keys of type str, got {type(key).__name__}")
            keys.append((<str> key).encode("utf-8"))
        keys.sort(key=key_order)
        for raw in keys:
            put_string(out, TEXT, raw)
            encode_object(value[raw.decode("utf-8")], out, depth - 1)
        return 0
    raise TypeError(f"expected None, bool, int, str, bytes, CID, list or dict, got {type(value).__name__}")


def encode(value) -> bytes:
    """The DAG-CBOR of `value`, in the one form that a CID is made of.

    Errors: TypeError for what DAG-CBOR has no place for (floats among it: the data model has none); ValueError for integers beyond 64
    bits, text with lone surrogates, and nesting beyond MAXIMUM_DEPTH."""
    cdef Output out = Output(NULL, 0, 0)
    try:
        encode_object(value, &out, MAX_DEPTH)
        return PyBytes_FromStringAndSize(<const char *> out.data, <Py_ssize_t> out.used)
    finally:
        free(out.data)
