# cython: boundscheck=False, wraparound=False
"""Stepping over DAG-CBOR values of any kind, also of records that the real network wrote wrong and that are kept all the same.

Owns which deviations can be tolerated and what each does to a value. Refuses to know when: the caller's `Tolerance` says it.
"""

from libc.math cimport isfinite, ldexp
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from indexer._fastpath.cbor cimport (
    ARRAY, BYTES, FLOAT, FLOATS, LENGTHS, MAP, MAX_DEPTH, NEGATIVE, TAG, TEXT, UNSIGNED, Tolerance, compare_keys, load32, read_link_body,
    read_text_body,
)
from indexer._fastpath.reasons cimport (
    BAD_TAG, FLOAT_NOT_FINITE, FLOAT_REFUSED, INTEGER_RANGE, KEY_DUPLICATE, NOT_SHORTEST, OK, TOO_DEEP, TOO_MANY_KEYS, TRUNCATED,
)
from indexer._fastpath.span cimport Slice, Span, left, take

cdef enum:
    MAX_UNSORTED_KEYS = 256  # such a map is searched for duplicates pair by pair


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


cdef int read_deviating_head(Span *s, int *major, uint64_t *argument, Tolerance *tolerance, int refused) noexcept nogil:
    cdef int code = refused
    if refused == NOT_SHORTEST and tolerance.allowed & LENGTHS:
        code = read_long_head(s, major, argument)
        if code == OK:
            tolerance.seen |= LENGTHS
    elif refused == FLOAT_REFUSED and tolerance.allowed & FLOATS:
        code = read_float(s, major, argument)
        if code == OK:
            tolerance.seen |= FLOATS
    return code


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


cdef int skip_inside(Span *s, Tolerance *tolerance) noexcept nogil:
    return skip_value(s, tolerance, MAX_DEPTH - 1, True)
