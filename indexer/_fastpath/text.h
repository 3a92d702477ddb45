/* Checks over text that run at the speed of memory for ASCII, which is nearly all of it. */
#ifndef INDEXER_TEXT_H
#define INDEXER_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* Whether all bytes are below 0x80. `readable` bytes (n or more) may be read from p on, so that a short text takes one load. */
static inline int text_is_ascii(const uint8_t *p, size_t n, size_t readable) {
    size_t i = 0;
#if defined(__SSE2__)
    if (n <= 16 && readable >= 16) {
        const unsigned high = (unsigned)_mm_movemask_epi8(_mm_loadu_si128((const __m128i *)p));
        return (high & ((1u << n) - 1)) == 0;
    }
    if (n >= 16) {
        for (; i + 16 <= n; i += 16)
            if (_mm_movemask_epi8(_mm_loadu_si128((const __m128i *)(p + i)))) return 0;
        return _mm_movemask_epi8(_mm_loadu_si128((const __m128i *)(p + n - 16))) == 0;
    }
#else
    (void)readable;
#endif
    uint8_t any = 0;
    for (; i < n; i++) any |= p[i];
    return any < 0x80;
}

/* Whether the bytes are UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF). */
static int text_is_utf8_slowly(const uint8_t *p, size_t n) {
    size_t i = 0;
    while (i < n) {
        const uint8_t lead = p[i];
        if (lead < 0x80) {
            i++;
        } else if (lead < 0xC2) {
            return 0;
        } else if (lead < 0xE0) {
            if (n - i < 2 || (p[i + 1] & 0xC0) != 0x80) return 0;
            i += 2;
        } else if (lead < 0xF0) {
            if (n - i < 3 || (p[i + 1] & 0xC0) != 0x80 || (p[i + 2] & 0xC0) != 0x80) return 0;
            if (lead == 0xE0 && p[i + 1] < 0xA0) return 0;
            if (lead == 0xED && p[i + 1] >= 0xA0) return 0;
            i += 3;
        } else if (lead < 0xF5) {
            if (n - i < 4 || (p[i + 1] & 0xC0) != 0x80 || (p[i + 2] & 0xC0) != 0x80 || (p[i + 3] & 0xC0) != 0x80) return 0;
            if (lead == 0xF0 && p[i + 1] < 0x90) return 0;
            if (lead == 0xF4 && p[i + 1] >= 0x90) return 0;
            i += 4;
        } else {
            return 0;
        }
    }
    return 1;
}

static inline int text_is_utf8(const uint8_t *p, size_t n, size_t readable) {
    return text_is_ascii(p, n, readable) || text_is_utf8_slowly(p, n);
}

/* Copy what stands for itself in a JSON string and is ASCII, up to the first byte that is neither; returns how many bytes that is.
 * `out` must have room for n + 16: whole vectors are written. `readable` as above. */
static inline size_t text_json_copy(const uint8_t *p, size_t n, size_t readable, uint8_t *out) {
    size_t i = 0;
#if defined(__SSE2__)
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\'), space = _mm_set1_epi8(0x20);
    for (; i < n && i + 16 <= readable; i += 16) {
        const __m128i v = _mm_loadu_si128((const __m128i *)(p + i));
        /* Signed comparison: bytes from 0x80 on are negative, so one test finds control characters and non-ASCII. */
        const __m128i bad =
            _mm_or_si128(_mm_cmplt_epi8(v, space), _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, backslash)));
        const unsigned mask = (unsigned)_mm_movemask_epi8(bad);
        _mm_storeu_si128((__m128i *)(out + i), v);
        if (mask) {
            const size_t at = i + (size_t)__builtin_ctz(mask);
            return at < n ? at : n;
        }
    }
    if (i >= n) return n;
#else
    (void)readable;
#endif
    for (; i < n && p[i] >= 0x20 && p[i] < 0x80 && p[i] != '"' && p[i] != '\\'; i++) out[i] = p[i];
    return i;
}

/* --- base32 (RFC 4648 lower case, as in CIDs and did:plc) ------------------------------------------------------- */

static const char TEXT_BASE32[33] = "abcdefghijklmnopqrstuvwxyz234567";
static const char TEXT_SORTABLE[33] = "234567abcdefghijklmnopqrstuvwxyz"; /* TIDs: sorts as ASCII */

static inline unsigned text_base32_value(uint8_t c) {
    if (c >= 'a' && c <= 'z') return (unsigned)(c - 'a');
    if (c >= '2' && c <= '7') return (unsigned)(c - '2') + 26;
    return 255;
}

static inline unsigned text_sortable_value(uint8_t c) {
    if (c >= 'a' && c <= 'z') return (unsigned)(c - 'a') + 6;
    if (c >= '2' && c <= '7') return (unsigned)(c - '2');
    return 255;
}

/* Eight characters to forty bits; the result is above 2^40 where one of them is not of the alphabet. */
static inline uint64_t text_base32_group(const uint8_t *p) {
    uint64_t bits = 0;
    unsigned bad = 0;
    for (int i = 0; i < 8; i++) {
        const unsigned v = text_base32_value(p[i]);
        bad |= v;
        bits = (bits << 5) | (v & 31);
    }
    return bad & 0x80 ? UINT64_MAX : bits;
}

static inline void text_base32_write(const uint8_t *in, size_t n, uint8_t *out) {
    size_t i = 0;
    for (; i + 5 <= n; i += 5) {
        const uint64_t v = ((uint64_t)in[i] << 32) | ((uint64_t)in[i + 1] << 24) | ((uint64_t)in[i + 2] << 16) |
                           ((uint64_t)in[i + 3] << 8) | in[i + 4];
        for (int k = 0; k < 8; k++) out[k] = (uint8_t)TEXT_BASE32[(v >> (35 - 5 * k)) & 31];
        out += 8;
    }
    if (i < n) { /* fewer than five bytes: 2, 4, 5 or 7 characters, the last one padded with zero bits */
        uint64_t v = 0;
        const size_t rest = n - i;
        for (size_t k = 0; k < 5; k++) v = (v << 8) | (k < rest ? in[i + k] : 0);
        const size_t characters = (8 * rest + 4) / 5;
        for (size_t k = 0; k < characters; k++) out[k] = (uint8_t)TEXT_BASE32[(v >> (35 - 5 * k)) & 31];
    }
}

/* --- base64 without padding (the data model's $bytes) ------------------------------------------------------------ */

static inline size_t text_base64_write(const uint8_t *in, size_t n, uint8_t *out) {
    static const char digits[65] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t *const start = out;
    size_t i = 0;
    for (; i + 3 <= n; i += 3) {
        const uint32_t v = ((uint32_t)in[i] << 16) | ((uint32_t)in[i + 1] << 8) | in[i + 2];
        *out++ = (uint8_t)digits[v >> 18];
        *out++ = (uint8_t)digits[(v >> 12) & 63];
        *out++ = (uint8_t)digits[(v >> 6) & 63];
        *out++ = (uint8_t)digits[v & 63];
    }
    if (n - i == 1) {
        *out++ = (uint8_t)digits[in[i] >> 2];
        *out++ = (uint8_t)digits[(in[i] & 3) << 4];
    } else if (n - i == 2) {
        *out++ = (uint8_t)digits[in[i] >> 2];
        *out++ = (uint8_t)digits[((in[i] & 3) << 4) | (in[i + 1] >> 4)];
        *out++ = (uint8_t)digits[(in[i + 1] & 15) << 2];
    }
    return (size_t)(out - start);
}

#endif
