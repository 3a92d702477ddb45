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
        __m128i all = _mm_loadu_si128((const __m128i *)(p + n - 16));
        for (; i + 16 < n; i += 16) all = _mm_or_si128(all, _mm_loadu_si128((const __m128i *)(p + i)));
        return _mm_movemask_epi8(all) == 0;
    }
#else
    (void)readable;
#endif
    uint8_t any = 0;
    for (; i < n; i++) any |= p[i];
    return any < 0x80;
}

/* The same of sixteen bytes at each of `count` places, a constant. */
static inline __attribute__((always_inline)) int text_ascii16_each(const uint8_t *const *places, int count) {
#if defined(__SSE2__)
    __m128i all = _mm_loadu_si128((const __m128i *)places[0]);
    for (int i = 1; i < count; i++) all = _mm_or_si128(all, _mm_loadu_si128((const __m128i *)places[i]));
    return _mm_movemask_epi8(all) == 0;
#else
    uint64_t words[2], all = 0;
    for (int i = 0; i < count; i++) {
        memcpy(words, places[i], 16);
        all |= words[0] | words[1];
    }
    return (all & 0x8080808080808080ULL) == 0;
#endif
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

/* Eight bytes at once, the first one in the highest byte. */
static inline uint64_t text_load8(const uint8_t *p) {
    uint64_t word;
    memcpy(&word, p, 8);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

#define TEXT_EACH(byte) (0x0101010101010101ULL * (uint64_t)(byte))

/* Two groups of eight characters of `a-z2-7` to forty bits each, in which 'a' stands for `letters` and '2' for `digits`; 0 where one of the
 * sixteen is another character. No branch and no table: a DID's letters and digits follow no pattern that a processor could learn. */
static inline int text_groups(const uint8_t *first, const uint8_t *second, unsigned letters, unsigned digits, uint64_t out[2]) {
#if defined(__SSE2__)
    const __m128i x = _mm_unpacklo_epi64(_mm_loadl_epi64((const __m128i *)first), _mm_loadl_epi64((const __m128i *)second));
    const __m128i is_letter = _mm_cmpgt_epi8(x, _mm_set1_epi8('a' - 1));
    /* How far each is above the 'a' or the '2' that it is counted from; an unsigned subtraction that stops at zero finds those too far. */
    const __m128i above = _mm_sub_epi8(x, _mm_add_epi8(_mm_set1_epi8('2'), _mm_and_si128(is_letter, _mm_set1_epi8('a' - '2'))));
    const __m128i most = _mm_add_epi8(_mm_set1_epi8('7' - '2'), _mm_and_si128(is_letter, _mm_set1_epi8('z' - 'a' - ('7' - '2'))));
    const __m128i start =
        _mm_add_epi8(_mm_set1_epi8((char)digits), _mm_and_si128(is_letter, _mm_set1_epi8((char)(letters - digits))));
    const __m128i good = _mm_cmpeq_epi8(_mm_subs_epu8(above, most), _mm_setzero_si128());
    /* Neighbours join, the first one above: 5 and 5 bits, 10 and 10, 20 and 20. */
    __m128i v = _mm_add_epi8(above, start);
    v = _mm_or_si128(_mm_srli_epi16(_mm_slli_epi16(v, 8), 3), _mm_srli_epi16(v, 8));
    v = _mm_madd_epi16(v, _mm_set1_epi32(1 << 16 | 1 << 10));
    v = _mm_or_si128(_mm_srli_epi64(_mm_slli_epi64(v, 32), 12), _mm_srli_epi64(v, 32));
    _mm_storeu_si128((__m128i *)out, v);
    return _mm_movemask_epi8(good) == 0xFFFF;
#else
    uint64_t value;
    for (int i = 0; i < 16; i++) {
        const uint8_t c = i < 8 ? first[i] : second[i - 8];
        if (c >= 'a' && c <= 'z') {
            value = c - 'a' + letters;
        } else if (c >= '2' && c <= '7') {
            value = c - '2' + digits;
        } else {
            return 0;
        }
        out[i / 8] = (i % 8 ? out[i / 8] << 5 : 0) | value;
    }
    return 1;
#endif
}

static inline int text_base32_groups(const uint8_t *first, const uint8_t *second, uint64_t out[2]) {
    return text_groups(first, second, 0, 26, out);
}

/* The same in the sortable alphabet of TIDs. */
static inline int text_sortable_groups(const uint8_t *first, const uint8_t *second, uint64_t out[2]) {
    return text_groups(first, second, 6, 0, out);
}

/* A date, as its eleven characters up to the `T` stand in two words, and when it begins. */
typedef struct {
    uint64_t first, second;
    int64_t milliseconds;
} TextDay;

/* Milliseconds since 1970 of the day of `YYYY-MM-DDT`, from 1970 to 2099, in which every fourth year is a leap year. 0 for all else. */
static inline int text_day(uint64_t first, uint64_t second, int64_t *milliseconds) {
    static const uint16_t before[2][13] = {{0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365},
                                           {0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335, 366}};
    const uint64_t a = first ^ 0x303030302D30302DULL;  /* 0000-00- */
    const uint64_t b = second ^ 0x3030540000000001ULL; /* 00T */
    /* A digit's byte is now 0..9, any other 0: adding what is missing to 0x80 shows what is beyond. */
    if (((a | (a + 0x767676767F76767FULL)) | (b | (b + 0x76767F0000000000ULL))) & TEXT_EACH(0x80)) return 0;
    /* Every byte becomes the number of two digits that ends with it: below 100, so that nothing is carried. */
    const uint64_t a2 = a + 10 * (a >> 8), b2 = b + 10 * (b >> 8);
    const unsigned year = (unsigned)(a2 >> 48 & 0xFF) * 100 + (unsigned)(a2 >> 32 & 0xFF) - 1970;
    const unsigned month = (unsigned)(a2 >> 8 & 0xFF) - 1, day = (unsigned)(b2 >> 48 & 0xFF) - 1;
    if (year >= 130 || month >= 12) return 0;
    const uint16_t *const start = before[year % 4 == 2] + month;
    if (day >= (unsigned)start[1] - start[0]) return 0;
    *milliseconds = (int64_t)(year * 365 + (year + 1) / 4 + start[0] + day) * 86400000;
    return 1;
}

/* Milliseconds since 1970 of `YYYY-MM-DDTHH:MM:SS.mmmZ`, from 1970 to 2099. 0 for all else, right or wrong. `last` is the day of the time before, or
 * all zero: most are of the same. */
static inline int text_datetime24_near(const uint8_t *p, int64_t *milliseconds, TextDay *last) {
    const uint64_t first = text_load8(p), word = text_load8(p + 8);
    const uint64_t second = (word & 0xFFFFFF0000000000ULL) | 1; /* never zero: nothing is of the day that is not yet there */
    const uint64_t b = (word & 0xFFFFFFFFFFULL) ^ 0x30303A3030ULL;     /* 00:00 */
    const uint64_t c = text_load8(p + 16) ^ 0x3A30302E3030305AULL;     /* :00.000Z */
    if (((b | (b + 0x76767F7676ULL)) | (c | (c + 0x7F76767F7676767FULL))) & TEXT_EACH(0x80)) return 0;
    const uint64_t b2 = b + 10 * (b >> 8), c2 = c + 10 * (c >> 8);
    const unsigned hour = (unsigned)(b2 >> 24 & 0xFF), minute = (unsigned)(b2 & 0xFF), second_of_minute = (unsigned)(c2 >> 40 & 0xFF);
    if (hour > 23 || minute > 59 || second_of_minute > 59) return 0;
    if (first != last->first || second != last->second) {
        int64_t start;
        if (!text_day(first, second, &start)) return 0;
        *last = (TextDay){first, second, start};
    }
    const unsigned seconds = (hour * 60 + minute) * 60 + second_of_minute;
    *milliseconds = last->milliseconds + (seconds * 1000 + (unsigned)(c2 >> 16 & 0xFF) * 10 + (unsigned)(c >> 8 & 0xF));
    return 1;
}

/* The same of one time by itself. */
static inline int text_datetime24(const uint8_t *p, int64_t *milliseconds) {
    TextDay none = {0, 0, 0};
    return text_datetime24_near(p, milliseconds, &none);
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
