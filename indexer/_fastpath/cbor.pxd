"""Strict DAG-CBOR (DRISL): the readers that every other module of this package is built from.

Rules (atproto data model, DRISL): definite lengths and shortest forms only; map keys are text, unique, sorted length first; tag 42
with a CID only; false, true and null only; signed 64-bit integers; valid UTF-8. What the real network breaks may be tolerated by
asking for it (`Tolerance`), and is then noted.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp

from indexer._fastpath.reasons cimport (
    BAD_CID, BAD_SIMPLE, BAD_TAG, BAD_UTF8, FLOAT_REFUSED, INDEFINITE, INTEGER_RANGE, KEY_DUPLICATE, KEY_NOT_TEXT, KEY_ORDER,
    NOT_SHORTEST, OK, RESERVED_HEAD, TRUNCATED, WRONG_TYPE,
)
from indexer._fastpath.span cimport Slice, Span, left, take
from indexer._fastpath.text cimport text_is_utf8


cdef enum Major:
    UNSIGNED = 0
    NEGATIVE = 1
    BYTES = 2
    TEXT = 3
    ARRAY = 4
    MAP = 5
    TAG = 6
    SIMPLE = 7  # the argument is 20 false, 21 true, 22 null
    FLOAT = 8  # not a CBOR major type; the argument holds the bits of the double

cdef enum:
    FALSE = 20
    TRUE = 21
    NULL_VALUE = 22
    MAX_DEPTH = 128
    CID_SIZE = 36

cdef enum Deviation:
    FLOATS = 1  # floating-point numbers, of any width but finite
    LENGTHS = 2  # integers and lengths that are not in their shortest form
    KEYS = 4  # map keys in another order (twice the same is still refused)
    CIDS = 8  # links with another codec than DAG-CBOR and raw
    ALL_DEVIATIONS = 15


ctypedef struct Tolerance:
    uint32_t allowed  # Deviation bits
    uint32_t seen  # Deviation bits met so far


cdef inline int read_head(Span *s, int *major, uint64_t *argument) noexcept nogil:
    """One item's head. Strings' bytes and containers' items follow; `s` has stepped over the head only."""
    cdef uint8_t first, info
    cdef uint64_t value
    if s.p >= s.end:
        return TRUNCATED
    first = s.p[0]
    info = first & 31
    major[0] = first >> 5
    if first < 0xC0:
        if info < 24:
            argument[0] = info
            s.p += 1
            return OK
        if info == 24:
            if left(s) < 2:
                return TRUNCATED
            value = s.p[1]
            if value < 24:
                return NOT_SHORTEST
            argument[0] = value
            s.p += 2
            return OK
        if info == 25:
            if left(s) < 3:
                return TRUNCATED
            value = (<uint64_t> s.p[1] << 8) | s.p[2]
            if value < 0x100:
                return NOT_SHORTEST
            argument[0] = value
            s.p += 3
            return OK
        if info == 26:
            if left(s) < 5:
                return TRUNCATED
            value = load32(s.p + 1)
            if value < 0x10000:
                return NOT_SHORTEST
            argument[0] = value
            s.p += 5
            return OK
        if info == 27:
            if left(s) < 9:
                return TRUNCATED
            value = (load32(s.p + 1) << 32) | load32(s.p + 5)
            if value < <uint64_t> 0x100000000:
                return NOT_SHORTEST
            argument[0] = value
            s.p += 9
            return OK
        return INDEFINITE if info == 31 else RESERVED_HEAD
    if first < 0xE0:
        if info < 24:
            return BAD_TAG
        if info == 24:
            if left(s) < 2:
                return TRUNCATED
            if s.p[1] != 42:
                return NOT_SHORTEST if s.p[1] < 24 else BAD_TAG
            argument[0] = 42
            s.p += 2
            return OK
        return BAD_TAG if info < 28 else (INDEFINITE if info == 31 else RESERVED_HEAD)
    if info == FALSE or info == TRUE or info == NULL_VALUE:
        argument[0] = info
        s.p += 1
        return OK
    if info == 25 or info == 26 or info == 27:
        return FLOAT_REFUSED
    if info == 31:
        return INDEFINITE
    return RESERVED_HEAD if 28 <= info <= 30 else BAD_SIMPLE


cdef inline uint64_t load32(const uint8_t *p) noexcept nogil:
    return (<uint64_t> p[0] << 24) | (<uint64_t> p[1] << 16) | (<uint64_t> p[2] << 8) | p[3]


cdef inline int expect(Span *s, int wanted, uint64_t *argument) noexcept nogil:
    """A head of the major type `wanted`; at anything else `s` stays where it was."""
    cdef const uint8_t *start = s.p
    cdef int major
    cdef int code = read_head(s, &major, argument)
    if code < 0:
        return code
    if major != wanted:
        s.p = start
        return WRONG_TYPE
    return OK


cdef inline int read_map(Span *s, uint64_t *pairs) noexcept nogil:
    """A map's head. Each pair takes two bytes or more, so a count beyond that is refused before anybody relies on it."""
    cdef const uint8_t *start = s.p
    cdef int code = expect(s, MAP, pairs)
    if code < 0:
        return code
    if pairs[0] > left(s) // 2:
        s.p = start
        return TRUNCATED
    return OK


cdef inline int read_array(Span *s, uint64_t *items) noexcept nogil:
    """An array's head; a count of more items than bytes are left is refused."""
    cdef const uint8_t *start = s.p
    cdef int code = expect(s, ARRAY, items)
    if code < 0:
        return code
    if items[0] > left(s):
        s.p = start
        return TRUNCATED
    return OK


cdef inline int read_string(Span *s, int wanted, Slice *out) noexcept nogil:
    cdef const uint8_t *start = s.p
    cdef uint64_t length
    cdef int code = expect(s, wanted, &length)
    if code < 0:
        return code
    code = take(s, length, out)
    if code < 0:
        s.p = start
    return code


cdef inline int read_bytes(Span *s, Slice *out) noexcept nogil:
    return read_string(s, BYTES, out)


cdef inline int read_text_body(Span *s, const uint8_t *start, uint64_t length, Slice *out) noexcept nogil:
    """A text's bytes, checked to be UTF-8, after its head, which began at `start`."""
    if take(s, length, out) < 0:
        s.p = start
        return TRUNCATED
    if not text_is_utf8(out.p, out.n, <size_t> (s.end - out.p)):
        s.p = start
        return BAD_UTF8
    return OK


cdef inline int read_text(Span *s, Slice *out) noexcept nogil:
    """Text, checked to be UTF-8."""
    cdef const uint8_t *start = s.p
    cdef uint64_t length
    cdef int code = expect(s, TEXT, &length)
    if code < 0:
        return code
    return read_text_body(s, start, length, out)


cdef inline int compare_keys(Slice a, Slice b) noexcept nogil:
    """The order of map keys: the shorter first, then by bytes."""
    if a.n != b.n:
        return -1 if a.n < b.n else 1
    return memcmp(a.p, b.p, a.n)


cdef inline int check_order(Slice previous, Slice key) noexcept nogil:
    """Whether a map's key may follow the one before it, which is {NULL, 0} for the first: OK, KEY_DUPLICATE or KEY_ORDER."""
    cdef int order
    if previous.p == NULL:
        return OK
    order = compare_keys(previous, key)
    if order < 0:
        return OK
    return KEY_DUPLICATE if order == 0 else KEY_ORDER


cdef inline int read_key(Span *s, Slice *key) noexcept nogil:
    """The next key of a map, which must sort after the one in `key`: that starts as {NULL, 0} and takes each key in turn."""
    cdef const uint8_t *start = s.p
    cdef Slice previous = key[0]
    cdef int code = read_text(s, key)
    if code < 0:
        return KEY_NOT_TEXT if code == WRONG_TYPE else code
    code = check_order(previous, key[0])
    if code < 0:
        s.p = start
    return code


cdef inline bint is_text(Slice text, const char *literal, size_t n) noexcept nogil:
    """Whether the text is this literal, whose length the caller gives (a constant compares in one or two instructions)."""
    return text.n == n and memcmp(text.p, literal, n) == 0


cdef inline bint take_literal(Span *s, const char *literal, size_t n) noexcept nogil:
    """Step over exactly these bytes, if they come next: how a usual form is recognized without taking it apart."""
    if left(s) < n or memcmp(s.p, literal, n) != 0:
        return False
    s.p += n
    return True


cdef inline int check_cid(const uint8_t *p, size_t n, Tolerance *tolerance) noexcept nogil:
    """Version 1, SHA-256 of 32 bytes, DAG-CBOR (0x71) or raw (0x55): the CIDs that the data model blesses."""
    if n == CID_SIZE and memcmp(p, <const char *> b"\x01\x71\x12\x20", 4) == 0:
        return OK  # as nearly all are: four bytes in one comparison
    if n != CID_SIZE or p[0] != 1 or p[2] != 0x12 or p[3] != 0x20:
        return BAD_CID
    if p[1] == 0x71 or p[1] == 0x55:
        return OK
    if tolerance != NULL and tolerance.allowed & CIDS and p[1] < 0x80:
        tolerance.seen |= CIDS
        return OK
    return BAD_CID


cdef inline int read_link_body(Span *s, const uint8_t **cid, Tolerance *tolerance) noexcept nogil:
    """What follows the head of tag 42: bytes that begin with 0 (identity multibase), then the binary CID."""
    cdef const uint8_t *start = s.p
    cdef Slice part
    cdef int code = read_bytes(s, &part)
    if code < 0:
        return BAD_CID if code == WRONG_TYPE else code
    if part.n != CID_SIZE + 1 or part.p[0] != 0 or check_cid(part.p + 1, CID_SIZE, tolerance) < 0:
        s.p = start
        return BAD_CID
    cid[0] = part.p + 1
    return OK


cdef inline int read_cid(Span *s, const uint8_t **cid) noexcept nogil:
    """A link: gives a pointer to its 36 bytes."""
    cdef uint64_t tag
    cdef int code
    # Every link of this protocol is the same 41 bytes apart from codec and digest.
    if left(s) >= 41 and s.p[0] == 0xD8 and s.p[1] == 42 and s.p[2] == 0x58 and s.p[3] == 37 and s.p[4] == 0:
        code = check_cid(s.p + 5, CID_SIZE, NULL)
        if code < 0:
            return code
        cid[0] = s.p + 5
        s.p += 41
        return OK
    code = expect(s, TAG, &tag)
    if code < 0:
        return code
    return read_link_body(s, cid, NULL)


cdef inline bint at_null(const Span *s) noexcept nogil:
    return s.p < s.end and s.p[0] == 0xF6


cdef inline int read_cid_or_null(Span *s, const uint8_t **cid) noexcept nogil:
    """A link, or null, which gives NULL."""
    if at_null(s):
        cid[0] = NULL
        s.p += 1
        return OK
    return read_cid(s, cid)


cdef inline int read_text_or_null(Span *s, Slice *out) noexcept nogil:
    """Text, or null, which gives {NULL, 0}."""
    if at_null(s):
        out.p = NULL
        out.n = 0
        s.p += 1
        return OK
    return read_text(s, out)


cdef inline int read_int(Span *s, int64_t *out) noexcept nogil:
    """A signed 64-bit integer."""
    cdef const uint8_t *start = s.p
    cdef uint64_t value
    cdef int major
    cdef int code = read_head(s, &major, &value)
    if code < 0:
        return code
    if major > NEGATIVE:
        s.p = start
        return WRONG_TYPE
    if value > <uint64_t> 0x7FFFFFFFFFFFFFFF:
        s.p = start
        return INTEGER_RANGE
    out[0] = <int64_t> value if major == UNSIGNED else -1 - <int64_t> value
    return OK


cdef inline int read_bool(Span *s, bint *out) noexcept nogil:
    cdef uint64_t value
    cdef const uint8_t *start = s.p
    cdef int code = expect(s, SIMPLE, &value)
    if code < 0:
        return code
    if value == NULL_VALUE:
        s.p = start
        return WRONG_TYPE
    out[0] = value == TRUE
    return OK


# One value as an object, at most MAX_DEPTH levels deep; errors: FrameError whose offset counts from `base`.
cdef object decode_value(Span *s, const uint8_t *base, Tolerance *tolerance)
