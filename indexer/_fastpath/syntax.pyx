# cython: boundscheck=False, wraparound=False, cdivision=True
"""The protocol's string formats: one pass each over bytes that are checked as they are read."""

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memchr, memcmp

from indexer._fastpath.objects cimport slice_of_bytes, text_of, utf8_of
from indexer._fastpath.reasons cimport BAD_DATETIME, BAD_SYNTAX, OK, fail
from indexer._fastpath.span cimport Slice


cdef inline bint is_digit(uint8_t c) noexcept nogil:
    return b"0" <= c <= b"9"


cdef inline bint is_lower(uint8_t c) noexcept nogil:
    return b"a" <= c <= b"z"


cdef inline bint is_letter(uint8_t c) noexcept nogil:
    return is_lower(c | 0x20)


cdef inline bint is_alphanumeric(uint8_t c) noexcept nogil:
    return is_letter(c) or is_digit(c)


cdef bint is_did(Slice text) noexcept nogil:
    """`did:method:identifier`, 2048 characters at most."""
    cdef size_t i = 4
    cdef uint8_t c
    if text.n > 2048 or text.n < 7 or memcmp(text.p, <const char *> b"did:", 4) != 0:
        return False
    while i < text.n and is_lower(text.p[i]):
        i += 1
    if i == 4 or i + 1 >= text.n or text.p[i] != b":":
        return False
    i += 1
    while i < text.n:
        c = text.p[i]
        if not (is_alphanumeric(c) or c == b"." or c == b"_" or c == b"-" or c == b":" or c == b"%"):
            return False
        i += 1
    c = text.p[text.n - 1]
    return c != b":" and c != b"%"


cdef int count_labels(Slice text, bint *last_starts_with_digit, bint *first_starts_with_digit) noexcept nogil:
    """The number of dot-separated DNS labels (1 to 63 characters, no hyphen at either end), or 0 if one of them is wrong."""
    cdef size_t i = 0
    cdef size_t start = 0
    cdef int labels = 0
    cdef uint8_t c
    while True:
        c = text.p[i] if i < text.n else <uint8_t> b"."
        if c == b".":
            if i == start or i - start > 63 or text.p[start] == b"-" or text.p[i - 1] == b"-":
                return 0
            if labels == 0:
                first_starts_with_digit[0] = is_digit(text.p[start])
            last_starts_with_digit[0] = is_digit(text.p[start])
            labels += 1
            start = i + 1
            if i >= text.n:
                return labels
        elif not (is_alphanumeric(c) or c == b"-"):
            return 0
        i += 1


cdef bint is_handle(Slice text) noexcept nogil:
    """A host name of two labels or more, 253 characters at most, whose last label does not begin with a digit."""
    cdef bint last_digit = False
    cdef bint first_digit = False
    return 0 < text.n <= 253 and count_labels(text, &last_digit, &first_digit) >= 2 and not last_digit


cdef bint is_nsid(Slice text) noexcept nogil:
    """A reversed host name of two labels or more and a name of letters and digits, 317 characters at most."""
    cdef bint last_digit = False
    cdef bint first_digit = False
    cdef size_t i = text.n
    if text.n == 0 or text.n > 317 or count_labels(text, &last_digit, &first_digit) < 3 or first_digit or last_digit:
        return False
    while text.p[i - 1] != b".":
        i -= 1
        if text.p[i] == b"-":
            return False
    return True


cdef bint is_rkey(Slice text) noexcept nogil:
    """1 to 512 characters of `A-Za-z0-9.-_:~`, neither `.` nor `..`."""
    cdef size_t i
    cdef uint8_t c
    if text.n == 0 or text.n > 512:
        return False
    for i in range(text.n):
        c = text.p[i]
        if not (is_alphanumeric(c) or c == b"." or c == b"-" or c == b"_" or c == b":" or c == b"~"):
            return False
    return not (text.p[0] == b"." and (text.n == 1 or (text.n == 2 and text.p[1] == b".")))


cdef inline Slice next_segment(Slice *rest) noexcept nogil:
    """Cut off what stands before the next slash; `rest` becomes what stands after it, or {NULL, 0} where there is no slash."""
    cdef Slice segment
    cdef const uint8_t *slash = <const uint8_t *> memchr(rest.p, b"/", rest.n)
    segment.p = rest.p
    if slash == NULL:
        segment.n = rest.n
        rest.p = NULL
        rest.n = 0
    else:
        segment.n = <size_t> (slash - rest.p)
        rest.p = slash + 1
        rest.n -= segment.n + 1
    return segment


cdef int parse_at_uri(Slice text, Slice *authority, Slice *collection, Slice *rkey) noexcept nogil:
    cdef Slice rest
    collection.p = NULL
    collection.n = 0
    rkey.p = NULL
    rkey.n = 0
    if text.n > 8192 or text.n < 6 or memcmp(text.p, <const char *> b"at://", 5) != 0:
        return BAD_SYNTAX
    rest.p = text.p + 5
    rest.n = text.n - 5
    authority[0] = next_segment(&rest)
    if not (is_did(authority[0]) or is_handle(authority[0])):
        return BAD_SYNTAX
    if rest.p == NULL:
        return OK
    collection[0] = next_segment(&rest)
    if not is_nsid(collection[0]):
        return BAD_SYNTAX
    if rest.p == NULL:
        return OK
    rkey[0] = rest
    return OK if is_rkey(rest) else BAD_SYNTAX


cdef enum:
    YEAR_ZERO_DAYS = -719528

cdef int64_t YEAR_ZERO = <int64_t> YEAR_ZERO_DAYS * 86400000


# --- datetime -------------------------------------------------------------------------------------------------------

cdef inline int digits(const uint8_t *p, int count) noexcept nogil:
    """The number written in `count` digits, or -1."""
    cdef int value = 0
    cdef int i
    for i in range(count):
        if not is_digit(p[i]):
            return -1
        value = value * 10 + (p[i] - 48)
    return value


cdef inline int64_t days_since_1970(int year, int month, int day) noexcept nogil:
    """Days in the proleptic Gregorian calendar of a year from 0 to 9999. Years are counted from March, so that the leap day comes last,
    and from 400 years before the year 0, so that none is negative."""
    cdef uint32_t y = <uint32_t> (year + 399 if month <= 2 else year + 400)
    cdef uint32_t m = <uint32_t> (month + 9 if month <= 2 else month - 3)
    return <int64_t> (y * 365 + y // 4 - y // 100 + y // 400 + (153 * m + 2) // 5 + <uint32_t> day) - (1 + 719468 + 146097)


cdef inline int days_in_month(int year, int month) noexcept nogil:
    if month == 2:
        return 29 if (year % 4 == 0 and year % 100 != 0) or year % 400 == 0 else 28
    return 30 if month == 4 or month == 6 or month == 9 or month == 11 else 31


cdef int any_datetime_ms(Slice text, int64_t *milliseconds, bint *canonical) noexcept nogil:
    cdef const uint8_t *p = text.p
    cdef int year, month, day, hour, minute, second
    cdef int fraction = 0
    cdef int offset = 0
    cdef int offset_hour, offset_minute
    cdef size_t i = 19
    cdef size_t fraction_digits = 0
    canonical[0] = False
    if text.n < 20 or text.n > 64:
        return BAD_DATETIME
    if p[4] != b"-" or p[7] != b"-" or p[10] != b"T" or p[13] != b":" or p[16] != b":":
        return BAD_DATETIME
    year = digits(p, 4)
    month = digits(p + 5, 2)
    day = digits(p + 8, 2)
    hour = digits(p + 11, 2)
    minute = digits(p + 14, 2)
    second = digits(p + 17, 2)
    if year < 0 or month < 1 or month > 12 or day < 1 or hour < 0 or hour > 23:
        return BAD_DATETIME
    if minute < 0 or minute > 59 or second < 0 or second > 59 or day > days_in_month(year, month):
        return BAD_DATETIME
    if p[i] == b".":
        i += 1
        while i < text.n and is_digit(p[i]):
            if fraction_digits < 3:
                fraction = fraction * 10 + (p[i] - 48)
            fraction_digits += 1
            i += 1
        if fraction_digits == 0 or fraction_digits > 20:
            return BAD_DATETIME
        if fraction_digits == 1:
            fraction *= 100
        elif fraction_digits == 2:
            fraction *= 10
    if i >= text.n:
        return BAD_DATETIME
    if p[i] == b"Z":
        if i + 1 != text.n:
            return BAD_DATETIME
        canonical[0] = fraction_digits == 3
    else:
        if text.n - i != 6 or not (p[i] == b"+" or p[i] == b"-") or p[i + 3] != b":":
            return BAD_DATETIME
        offset_hour = digits(p + i + 1, 2)
        offset_minute = digits(p + i + 4, 2)
        if offset_hour < 0 or offset_hour > 23 or offset_minute < 0 or offset_minute > 59:
            return BAD_DATETIME
        offset = 60 * offset_hour + offset_minute
        if p[i] == b"-":
            if offset == 0:
                return BAD_DATETIME
            offset = -offset
    milliseconds[0] = (
        days_since_1970(year, month, day) * 86400000 + <int64_t> (hour * 60 + minute - offset) * 60000 + second * 1000 + fraction
    )
    # An offset must not lead before the year 0.
    return BAD_DATETIME if milliseconds[0] < YEAR_ZERO else OK


# --- for Python code --------------------------------------------------------------------------------------------------

def valid_did(str text not None) -> bool:
    """Whether `text` is a DID by the protocol's syntax."""
    cdef bytes raw = utf8_of(text)
    return is_did(slice_of_bytes(raw))


def valid_handle(str text not None) -> bool:
    """Whether `text` is a handle by syntax (any case; reserved top-level domains are not looked at)."""
    cdef bytes raw = utf8_of(text)
    return is_handle(slice_of_bytes(raw))


def valid_nsid(str text not None) -> bool:
    """Whether `text` is an NSID."""
    cdef bytes raw = utf8_of(text)
    return is_nsid(slice_of_bytes(raw))


def valid_rkey(str text not None) -> bool:
    """Whether `text` is a record key."""
    cdef bytes raw = utf8_of(text)
    return is_rkey(slice_of_bytes(raw))


def split_at_uri(str text not None) -> tuple[str, str, str]:
    """(authority, collection, rkey) of an AT-URI, '' for parts that are absent; errors: FrameError."""
    cdef bytes raw = utf8_of(text)
    cdef Slice authority, collection, rkey
    cdef int code = parse_at_uri(slice_of_bytes(raw), &authority, &collection, &rkey)
    if code < 0:
        fail(code, 0)
    return text_of(authority), text_of(collection), text_of(rkey)


def parse_datetime(str text not None) -> int:
    """Milliseconds since 1970 (negative before) of a datetime; errors: FrameError."""
    cdef bytes raw = utf8_of(text)
    cdef int64_t milliseconds
    cdef bint canonical
    cdef int code = datetime_ms(slice_of_bytes(raw), &milliseconds, &canonical)
    if code < 0:
        fail(code, 0)
    return milliseconds


def is_canonical_datetime(str text not None) -> bool:
    """Whether `text` is a datetime written as YYYY-MM-DDTHH:MM:SS.mmmZ."""
    cdef bytes raw = utf8_of(text)
    cdef int64_t milliseconds
    cdef bint canonical
    return datetime_ms(slice_of_bytes(raw), &milliseconds, &canonical) == 0 and canonical
