# cython: boundscheck=False, wraparound=False
"""Strict DAG-CBOR for Python code: check, decode to objects, encode.

Owns what object a value becomes and what bytes an object. Refuses to know what a record is.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_Size
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcmp, memcpy

from indexer._fastpath.cid cimport CID, make_cid
from indexer._fastpath.objects cimport bytes_of, span_of_bytes, text_of
from indexer._fastpath.output cimport Output, put, put_byte, reserve
from indexer._fastpath.reasons cimport INTEGER_RANGE, KEY_DUPLICATE, OK, TOO_DEEP, TRAILING_BYTES, TRUNCATED, fail
from indexer._fastpath.span cimport Slice, Span, left, take
from indexer._fastpath.tolerant cimport read_head_tolerant, read_next_key, skip

TOLERATE_NOTHING = 0
TOLERATE_FLOATS = FLOATS
TOLERATE_LENGTHS = LENGTHS
TOLERATE_KEYS = KEYS
TOLERATE_CIDS = CIDS
TOLERATE_ALL = ALL_DEVIATIONS
MAXIMUM_DEPTH = MAX_DEPTH


# --- to Python objects ----------------------------------------------------------------------------------------------

cdef enum:
    KEY_CACHE = 512  # slots; keys of up to 32 bytes that came last
    KEY_CACHE_LONGEST = 32

cdef PyObject *cached_keys[KEY_CACHE]
cdef uint8_t cached_bytes[KEY_CACHE][KEY_CACHE_LONGEST]
cdef uint8_t cached_lengths[KEY_CACHE]


cdef object key_object(Slice key):
    """The str of a map key: records use the same few names over and over."""
    cdef uint32_t slot
    cdef object out
    cdef size_t i
    if key.n > KEY_CACHE_LONGEST or key.n == 0:
        return text_of(key)
    slot = <uint32_t> key.n
    for i in range(key.n):
        slot = slot * 31 + key.p[i]
    slot &= KEY_CACHE - 1
    if cached_keys[slot] != NULL and cached_lengths[slot] == key.n and memcmp(cached_bytes[slot], key.p, key.n) == 0:
        return <object> cached_keys[slot]
    out = text_of(key)
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
        return text_of(part)
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
        return bytes_of(part.p, part.n)
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
        return bytes_of(out.data, out.used)
    finally:
        free(out.data)
