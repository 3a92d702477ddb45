"""Text checks and base32/base64 at the speed of memory (text.h)."""

from libc.stdint cimport uint8_t, uint64_t


cdef extern from "text.h" nogil:
    int text_is_ascii(const uint8_t *p, size_t n, size_t readable)
    int text_is_utf8(const uint8_t *p, size_t n, size_t readable)
    int text_is_utf8_slowly(const uint8_t *p, size_t n)
    size_t text_json_copy(const uint8_t *p, size_t n, size_t readable, uint8_t *out)
    const char *TEXT_SORTABLE
    uint64_t text_base32_group(const uint8_t *p)
    uint64_t text_sortable_group(const uint8_t *p)
    int text_datetime24(const uint8_t *p, int *out)
    void text_base32_write(const uint8_t *data, size_t n, uint8_t *out)
    size_t text_base64_write(const uint8_t *data, size_t n, uint8_t *out)
