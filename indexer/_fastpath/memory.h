/* Memory: asking for it before it is needed, clearing it, comparing it, finding a word in it. */
#ifndef INDEXER_MEMORY_H
#define INDEXER_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

static inline void prefetch_line(const void *p) { __builtin_prefetch(p, 0, 2); }

/* Bytes that will be read later, and how many of them are asked for at a time: as many lines at once as a frame has would wait for each other, and
 * everything else for them. */
typedef struct {
    const char *at;
    const char *end;
    size_t part;
} Ahead;

/* A frame is read in jumps, from block to block, so that the processor cannot foresee the next address; but the whole of it is near. */
static inline void ahead_of(Ahead *ahead, const void *p, size_t n, size_t most) {
    n = n < most ? n : most;
    ahead->at = (const char *)p;
    ahead->end = ahead->at + n;
    ahead->part = (n / 4 + 255) & ~(size_t)255;
}

static inline void prefetch_to(Ahead *ahead, const char *end) {
    const char *at = ahead->at;
    /* Four lines at a time: asking for up to three that lie behind the end costs less than counting. */
    for (; at < end; at += 256) {
        __builtin_prefetch(at, 0, 2);
        __builtin_prefetch(at + 64, 0, 2);
        __builtin_prefetch(at + 128, 0, 2);
        __builtin_prefetch(at + 192, 0, 2);
    }
    ahead->at = at;
}

/* A quarter of what there is. */
static inline void prefetch_part(Ahead *ahead) {
    const char *end = ahead->at + ahead->part;
    prefetch_to(ahead, end < ahead->end ? end : ahead->end);
}

static inline void prefetch_rest(Ahead *ahead) { prefetch_to(ahead, ahead->end); }

/* Zeros for the first bytes of a struct, a constant of at most 256: sixteen at a time, where a compiler that knows the size takes the slower
 * `rep stos` and the library's function costs a call. */
static inline __attribute__((always_inline)) void clear_start(void *p, size_t n) {
    size_t i = 0;
#pragma GCC unroll 16
    for (; i + 16 <= n; i += 16) memset((char *)p + i, 0, 16);
    memset((char *)p + i, 0, n - i);
}

/* An array with twice the room, or with room for `first`, and `room` is then that; NULL, and everything as it was, where memory has run out. */
static inline void *with_more_room(void *items, uint32_t *room, uint32_t first, size_t size) {
    const uint32_t wanted = *room ? *room * 2 : first;
    void *const larger = realloc(items, wanted * size);
    if (larger != NULL) *room = wanted;
    return larger;
}

/* Four bytes from anywhere as a word, for comparisons only: their order is the processor's. */
static inline uint32_t word_at(const uint8_t *p) {
    uint32_t word;
    memcpy(&word, p, 4);
    return word;
}

/* Whether two CIDs (36 bytes) are the same. */
static inline int same_cid(const uint8_t *a, const uint8_t *b) {
#if defined(__SSE2__)
    const __m128i first = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)a), _mm_loadu_si128((const __m128i *)b));
    const __m128i second = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(a + 16)), _mm_loadu_si128((const __m128i *)(b + 16)));
    return _mm_movemask_epi8(_mm_and_si128(first, second)) == 0xFFFF && word_at(a + 32) == word_at(b + 32);
#else
    return memcmp(a, b, 36) == 0;
#endif
}

/* Whether two texts of the same size are the same: sixteen or eight bytes at a time, the last ones overlapping those before. */
static inline int same_bytes(const uint8_t *a, const uint8_t *b, size_t n) {
    uint64_t words[4];
    if (n < 8 || n > 16) {
#if defined(__SSE2__)
        if (n == 32) {
            const __m128i first = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)a), _mm_loadu_si128((const __m128i *)b));
            const __m128i second = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(a + 16)), _mm_loadu_si128((const __m128i *)(b + 16)));
            return _mm_movemask_epi8(_mm_and_si128(first, second)) == 0xFFFF;
        }
#endif
        return memcmp(a, b, n) == 0;
    }
    memcpy(words, a, 8);
    memcpy(words + 1, b, 8);
    memcpy(words + 2, a + n - 8, 8);
    memcpy(words + 3, b + n - 8, 8);
    return words[0] == words[1] && words[2] == words[3];
}

/* The place of the first of `count` words that is `word`, or `count`. Words up to a multiple of eight are readable, though they may be anything. */
static inline uint32_t find_word(const uint32_t *words, uint32_t count, uint32_t word) {
    uint32_t i = 0;
#if defined(__SSE2__)
    const __m128i wanted = _mm_set1_epi32((int)word);
    for (; i < count; i += 8) {
        const __m128i first = _mm_cmpeq_epi32(_mm_loadu_si128((const __m128i *)(words + i)), wanted);
        const __m128i second = _mm_cmpeq_epi32(_mm_loadu_si128((const __m128i *)(words + i + 4)), wanted);
        const unsigned found = (unsigned)_mm_movemask_epi8(_mm_packs_epi32(first, second));
        if (found) {
            i += (unsigned)__builtin_ctz(found) / 2;
            break;
        }
    }
    return i < count ? i : count;
#else
    while (i < count && words[i] != word) i++;
    return i;
#endif
}

#endif
