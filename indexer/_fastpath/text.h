/* Checks over text that run at the speed of memory for ASCII, which is nearly all of it. */
#ifndef INDEXER_TEXT_H
#define INDEXER_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* The number of bytes at the start that are below 0x80. */
static inline size_t text_ascii_prefix(const uint8_t *p, size_t n) {
    size_t i = 0;
#if defined(__SSE2__)
    for (; i + 16 <= n; i += 16) {
        const int high = _mm_movemask_epi8(_mm_loadu_si128((const __m128i *)(p + i)));
        if (high) return i + (size_t)__builtin_ctz((unsigned)high);
    }
#endif
    for (; i + 8 <= n; i += 8) {
        uint64_t word;
        memcpy(&word, p + i, 8);
        if (word & 0x8080808080808080ULL) break;
    }
    while (i < n && p[i] < 0x80) i++;
    return i;
}

/* Whether the bytes are UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF). */
static int text_is_utf8(const uint8_t *p, size_t n) {
    size_t i = text_ascii_prefix(p, n);
    while (i < n) {
        const uint8_t lead = p[i];
        if (lead < 0x80) {
            i += text_ascii_prefix(p + i, n - i);
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

/* The number of bytes at the start that stand for themselves in a JSON string and are ASCII. */
static inline size_t text_json_plain_prefix(const uint8_t *p, size_t n) {
    size_t i = 0;
#if defined(__SSE2__)
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\'), space = _mm_set1_epi8(0x20);
    for (; i + 16 <= n; i += 16) {
        const __m128i v = _mm_loadu_si128((const __m128i *)(p + i));
        /* Signed comparison: bytes from 0x80 on are negative, so one test finds control characters and non-ASCII. */
        const __m128i bad =
            _mm_or_si128(_mm_cmplt_epi8(v, space), _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, backslash)));
        const int mask = _mm_movemask_epi8(bad);
        if (mask) return i + (size_t)__builtin_ctz((unsigned)mask);
    }
#endif
    while (i < n && p[i] >= 0x20 && p[i] < 0x80 && p[i] != '"' && p[i] != '\\') i++;
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
    uint32_t buffer = 0;
    int bits = 0;
    for (size_t i = 0; i < n; i++) {
        buffer = (buffer << 8) | in[i];
        bits += 8;
        while (bits >= 5) {
            bits -= 5;
            *out++ = (uint8_t)TEXT_BASE32[(buffer >> bits) & 31];
        }
    }
    if (bits) *out++ = (uint8_t)TEXT_BASE32[(buffer << (5 - bits)) & 31];
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
