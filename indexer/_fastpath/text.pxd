"""Text checks and base32/base64 at the speed of memory (text.h)."""

from libc.stdint cimport int64_t, uint8_t, uint64_t


cdef extern from "text.h" nogil:
    int text_is_ascii(const uint8_t *p, size_t n, size_t readable)
    int text_is_utf8(const uint8_t *p, size_t n, size_t readable)
    int text_is_utf8_slowly(const uint8_t *p, size_t n)
    size_t text_json_copy(const uint8_t *p, size_t n, size_t readable, uint8_t *out)
    const char *TEXT_SORTABLE
    bint text_base32_groups(const uint8_t *first, const uint8_t *second, uint64_t *out)
    bint text_sortable_groups(const uint8_t *first, const uint8_t *second, uint64_t *out)
    bint text_datetime24(const uint8_t *p, int64_t *milliseconds)
    ctypedef struct TextDay:
        pass
    bint text_datetime24_near(const uint8_t *p, int64_t *milliseconds, TextDay *last)
    void text_base32_write(const uint8_t *data, size_t n, uint8_t *out)
    size_t text_base64_write(const uint8_t *data, size_t n, uint8_t *out)
