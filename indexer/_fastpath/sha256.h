/* SHA-256 over many short blocks (FIPS 180-4).
 *
 * Two messages are hashed at once where the processor has the SHA extensions: one message alone waits most of the time for the latency
 * of sha256rnds2. Elsewhere a portable compression function does one message after the other. No allocation, no state between calls.
 *
 * A job may be a message's beginning only, whose state is kept; others go on from there, so that messages which begin alike need not be
 * hashed twice up to where they part. Messages that hold the digest of the one before (a chain) are hashed beside the others.
 */
#ifndef INDEXER_SHA256_H
#define INDEXER_SHA256_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if (defined(__x86_64__) || defined(__i386__)) && defined(__GNUC__)
#define SHA256_X86 1
#include <cpuid.h>
#include <immintrin.h>
#endif

/* The state after some whole blocks, in whatever order the code path in use keeps it. */
typedef struct {
    uint8_t raw[32];
} Sha256State;

typedef struct {
    const uint8_t *data;
    size_t length;           /* bytes here; a multiple of 64 for a beginning */
    size_t before;           /* bytes of the message that `from` has behind it, a multiple of 64; 0 where it begins here */
    const Sha256State *from; /* NULL where the message begins here */
    Sha256State *keep;       /* a beginning: where its state goes; NULL for all else */
    uint8_t *digest;         /* where the 32 bytes go, if it is not a beginning */
} Sha256Job;

/* The next message of a chain, whose digests so far are written; NULL when it is at its end. */
typedef const Sha256Job *(*Sha256Next)(void *chain);

static const uint32_t SHA256_K[64] __attribute__((aligned(64))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
    0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
    0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
    0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
    0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
    0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static const uint32_t SHA256_START[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

static inline uint32_t sha256_load32(const uint8_t *p) {
    return ((uint32_t)p[0] << 24) | ((uint32_t)p[1] << 16) | ((uint32_t)p[2] << 8) | (uint32_t)p[3];
}

static inline void sha256_store32(uint8_t *p, uint32_t v) {
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

/* The last one or two 64-byte blocks: the message's remainder, the bit 1, zeros, the length in bits of the whole message, of
 * which `data` holds the last `length` bytes. Returns how many. */
static inline size_t sha256_tail(const uint8_t *data, size_t length, uint64_t whole, uint8_t tail[128]) {
    const size_t rest = length & 63;
    const size_t blocks = rest < 56 ? 1 : 2;
    const uint64_t bits = whole << 3;
    memset(tail, 0, 64 * blocks);
    if (rest) memcpy(tail, data + (length - rest), rest);
    tail[rest] = 0x80;
    sha256_store32(tail + 64 * blocks - 8, (uint32_t)(bits >> 32));
    sha256_store32(tail + 64 * blocks - 4, (uint32_t)bits);
    return blocks;
}

/* --- portable ------------------------------------------------------------------------------------------------ */

#define SHA256_ROTR(x, n) (((x) >> (n)) | ((x) << (32 - (n))))

static void sha256_compress_portable(uint32_t state[8], const uint8_t *data, size_t blocks) {
    uint32_t w[64];
    while (blocks--) {
        uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
        uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
        for (int i = 0; i < 16; i++) w[i] = sha256_load32(data + 4 * i);
        for (int i = 16; i < 64; i++) {
            const uint32_t s0 = SHA256_ROTR(w[i - 15], 7) ^ SHA256_ROTR(w[i - 15], 18) ^ (w[i - 15] >> 3);
            const uint32_t s1 = SHA256_ROTR(w[i - 2], 17) ^ SHA256_ROTR(w[i - 2], 19) ^ (w[i - 2] >> 10);
            w[i] = w[i - 16] + s0 + w[i - 7] + s1;
        }
        for (int i = 0; i < 64; i++) {
            const uint32_t s1 = SHA256_ROTR(e, 6) ^ SHA256_ROTR(e, 11) ^ SHA256_ROTR(e, 25);
            const uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + SHA256_K[i] + w[i];
            const uint32_t s0 = SHA256_ROTR(a, 2) ^ SHA256_ROTR(a, 13) ^ SHA256_ROTR(a, 22);
            const uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
            h = g;
            g = f;
            f = e;
            e = d + t1;
            d = c;
            c = b;
            b = a;
            a = t1 + t2;
        }
        state[0] += a;
        state[1] += b;
        state[2] += c;
        state[3] += d;
        state[4] += e;
        state[5] += f;
        state[6] += g;
        state[7] += h;
        data += 64;
    }
}

static void sha256_job_portable(const Sha256Job *job) {
    uint32_t state[8];
    uint8_t tail[128];
    memcpy(state, job->from ? job->from->raw : (const uint8_t *)SHA256_START, sizeof state);
    sha256_compress_portable(state, job->data, job->length / 64);
    if (job->keep) {
        memcpy(job->keep, state, sizeof state);
        return;
    }
    const size_t tails = sha256_tail(job->data, job->length, job->before + job->length, tail);
    sha256_compress_portable(state, tail, tails);
    for (int i = 0; i < 8; i++) sha256_store32(job->digest + 4 * i, state[i]);
}

/* --- x86 with the SHA extensions ------------------------------------------------------------------------------ */

#ifdef SHA256_X86

#define SHA256_TARGET __attribute__((target("sha,sse4.1,ssse3")))

static int sha256_has_extensions(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & (1u << 9)) || !(c & (1u << 19))) return 0; /* SSSE3, SSE4.1 */
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
    return (b >> 29) & 1;
}

/* The state in the order of the instructions: {A,B,E,F} and {C,D,G,H}, highest word first. */
typedef struct {
    __m128i abef, cdgh;
} Sha256Lanes;

#define SHA256_START_ABEF _mm_set_epi32(0x6a09e667, (int)0xbb67ae85, 0x510e527f, (int)0x9b05688c)
#define SHA256_START_CDGH _mm_set_epi32(0x3c6ef372, (int)0xa54ff53a, 0x1f83d9ab, 0x5be0cd19)
#define SHA256_SWAP _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL)

SHA256_TARGET static inline void sha256_lanes_store(const Sha256Lanes *s, uint8_t digest[32]) {
    const __m128i feba = _mm_shuffle_epi32(s->abef, 0x1B); /* words A B E F, lowest first */
    const __m128i hgdc = _mm_shuffle_epi32(s->cdgh, 0x1B); /* words C D G H, lowest first */
    const __m128i abcd = _mm_unpacklo_epi64(feba, hgdc);
    const __m128i efgh = _mm_unpackhi_epi64(feba, hgdc);
    _mm_storeu_si128((__m128i *)digest, _mm_shuffle_epi8(abcd, SHA256_SWAP));
    _mm_storeu_si128((__m128i *)(digest + 16), _mm_shuffle_epi8(efgh, SHA256_SWAP));
}

#define SHA256_LOAD(p, i) _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)((p) + 16 * (i))), SHA256_SWAP)
#define SHA256_CONSTANT(g) _mm_load_si128((const __m128i *)(SHA256_K + 4 * (g)))
#define SHA256_FOUR(x, m, g)                                      \
    do {                                                          \
        const __m128i wk_ = _mm_add_epi32(m, SHA256_CONSTANT(g)); \
        x##1 = _mm_sha256rnds2_epu32(x##1, x##0, wk_);            \
        x##0 = _mm_sha256rnds2_epu32(x##0, x##1, _mm_shuffle_epi32(wk_, 0x0E)); \
    } while (0)
#define SHA256_SCHEDULE(m0, m1, m2, m3) \
    m0 = _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(m0, m1), _mm_alignr_epi8(m3, m2, 4)), m3)

SHA256_TARGET static void sha256_compress_one(Sha256Lanes *s, const uint8_t *p, size_t blocks) {
    __m128i x0 = s->abef, x1 = s->cdgh;
    while (blocks--) {
        const __m128i save0 = x0, save1 = x1;
        __m128i a0 = SHA256_LOAD(p, 0), a1 = SHA256_LOAD(p, 1), a2 = SHA256_LOAD(p, 2), a3 = SHA256_LOAD(p, 3);
#pragma GCC unroll 4
        for (int g = 0; g < 16; g += 4) {
            SHA256_FOUR(x, a0, g);
            if (g < 12) SHA256_SCHEDULE(a0, a1, a2, a3);
            SHA256_FOUR(x, a1, g + 1);
            if (g < 12) SHA256_SCHEDULE(a1, a2, a3, a0);
            SHA256_FOUR(x, a2, g + 2);
            if (g < 12) SHA256_SCHEDULE(a2, a3, a0, a1);
            SHA256_FOUR(x, a3, g + 3);
            if (g < 12) SHA256_SCHEDULE(a3, a0, a1, a2);
        }
        x0 = _mm_add_epi32(x0, save0);
        x1 = _mm_add_epi32(x1, save1);
        p += 64;
    }
    s->abef = x0;
    s->cdgh = x1;
}

SHA256_TARGET static void sha256_compress_two(Sha256Lanes *s, const uint8_t *p, Sha256Lanes *t, const uint8_t *q, size_t blocks) {
    __m128i x0 = s->abef, x1 = s->cdgh, y0 = t->abef, y1 = t->cdgh;
    while (blocks--) {
        const __m128i savex0 = x0, savex1 = x1, savey0 = y0, savey1 = y1;
        __m128i a0 = SHA256_LOAD(p, 0), a1 = SHA256_LOAD(p, 1), a2 = SHA256_LOAD(p, 2), a3 = SHA256_LOAD(p, 3);
        __m128i b0 = SHA256_LOAD(q, 0), b1 = SHA256_LOAD(q, 1), b2 = SHA256_LOAD(q, 2), b3 = SHA256_LOAD(q, 3);
#pragma GCC unroll 4
        for (int g = 0; g < 16; g += 4) {
            SHA256_FOUR(x, a0, g);
            SHA256_FOUR(y, b0, g);
            if (g < 12) {
                SHA256_SCHEDULE(a0, a1, a2, a3);
                SHA256_SCHEDULE(b0, b1, b2, b3);
            }
            SHA256_FOUR(x, a1, g + 1);
            SHA256_FOUR(y, b1, g + 1);
            if (g < 12) {
                SHA256_SCHEDULE(a1, a2, a3, a0);
                SHA256_SCHEDULE(b1, b2, b3, b0);
            }
            SHA256_FOUR(x, a2, g + 2);
            SHA256_FOUR(y, b2, g + 2);
            if (g < 12) {
                SHA256_SCHEDULE(a2, a3, a0, a1);
                SHA256_SCHEDULE(b2, b3, b0, b1);
            }
            SHA256_FOUR(x, a3, g + 3);
            SHA256_FOUR(y, b3, g + 3);
            if (g < 12) {
                SHA256_SCHEDULE(a3, a0, a1, a2);
                SHA256_SCHEDULE(b3, b0, b1, b2);
            }
        }
        x0 = _mm_add_epi32(x0, savex0);
        x1 = _mm_add_epi32(x1, savex1);
        y0 = _mm_add_epi32(y0, savey0);
        y1 = _mm_add_epi32(y1, savey1);
        p += 64;
        q += 64;
    }
    s->abef = x0;
    s->cdgh = x1;
    t->abef = y0;
    t->cdgh = y1;
}

SHA256_TARGET static void sha256_extensions(const uint8_t *data, size_t length, uint8_t digest[32]) {
    Sha256Lanes s = {SHA256_START_ABEF, SHA256_START_CDGH};
    uint8_t tail[128];
    const size_t tails = sha256_tail(data, length, length, tail);
    if (length >= 64) sha256_compress_one(&s, data, length / 64);
    sha256_compress_one(&s, tail, tails);
    sha256_lanes_store(&s, digest);
}

/* Everything that is to be hashed, and how far that has come. */
typedef struct {
    Sha256Job *jobs;
    size_t count;
    size_t taken;
    size_t beginnings; /* that are not done; the chain starts when none is left */
    Sha256Next next;   /* NULL when the chain is at its end */
    void *chain;
} Sha256Work;

/* One of the two messages under way. */
typedef struct {
    Sha256Lanes state;
    const uint8_t *p;
    size_t blocks;
    const Sha256Job *job; /* NULL where the lane has nothing to do */
    size_t tails;         /* blocks of the tail, 0 when it is under way */
    int in_chain;
    uint8_t tail[128];
} Sha256Stream;

SHA256_TARGET static inline void sha256_stream_tail(Sha256Stream *s) {
    s->p = s->tail;
    s->blocks = s->tails;
    s->tails = 0;
}

SHA256_TARGET static inline void sha256_stream_open(Sha256Stream *s, const Sha256Job *job) {
    s->job = job;
    if (job->from) {
        s->state.abef = _mm_loadu_si128((const __m128i *)job->from->raw);
        s->state.cdgh = _mm_loadu_si128((const __m128i *)(job->from->raw + 16));
    } else {
        s->state.abef = SHA256_START_ABEF;
        s->state.cdgh = SHA256_START_CDGH;
    }
    s->p = job->data;
    s->blocks = job->length / 64;
    s->tails = job->keep ? 0 : sha256_tail(job->data, job->length, job->before + job->length, s->tail);
    if (s->blocks == 0) sha256_stream_tail(s);
}

/* Give a lane that is free its next message: that of the chain, where it may go on, or any other. 0 where there is none. */
SHA256_TARGET static inline int sha256_stream_next(Sha256Stream *s, const Sha256Stream *other, Sha256Work *work) {
    if (work->next && (s->in_chain || (work->beginnings == 0 && !other->in_chain))) {
        const Sha256Job *job = work->next(work->chain);
        s->in_chain = job != NULL;
        if (job) {
            sha256_stream_open(s, job);
            return 1;
        }
        work->next = NULL;
    }
    s->job = NULL;
    if (work->taken == work->count) return 0;
    Sha256Job *job = &work->jobs[work->taken];
    if (other->job && other->job->keep && other->job->keep == job->from) {
        /* Its beginning is under way just now: it changes places with the last one. */
        Sha256Job *last = &work->jobs[work->count - 1];
        if (last == job) return 0;
        const Sha256Job later = *job;
        *job = *last;
        *last = later;
    }
    work->taken++;
    sha256_stream_open(s, job);
    return 1;
}

/* Called when no block is left: returns 1 when the lane has something to do again. */
SHA256_TARGET static inline int sha256_stream_turn(Sha256Stream *s, const Sha256Stream *other, Sha256Work *work) {
    if (s->tails) {
        sha256_stream_tail(s);
        return 1;
    }
    if (s->job->keep) {
        _mm_storeu_si128((__m128i *)s->job->keep->raw, s->state.abef);
        _mm_storeu_si128((__m128i *)(s->job->keep->raw + 16), s->state.cdgh);
        work->beginnings--;
    } else {
        sha256_lanes_store(&s->state, s->job->digest);
    }
    return sha256_stream_next(s, other, work);
}

SHA256_TARGET static void sha256_work_extensions(Sha256Work *work) {
    Sha256Stream streams[2];
    Sha256Stream *a = &streams[0], *b = &streams[1];
    a->job = b->job = NULL;
    a->in_chain = b->in_chain = 0;
    if (!sha256_stream_next(a, b, work)) return;
    int both = sha256_stream_next(b, a, work);
    while (both) {
        const size_t run = a->blocks < b->blocks ? a->blocks : b->blocks;
        sha256_compress_two(&a->state, a->p, &b->state, b->p, run);
        a->blocks -= run;
        a->p += 64 * run;
        b->blocks -= run;
        b->p += 64 * run;
        if (a->blocks == 0 && !sha256_stream_turn(a, b, work)) {
            Sha256Stream *free_lane = a;
            a = b;
            b = free_lane;
            both = 0;
            if (a->blocks) break;
            if (!sha256_stream_turn(a, b, work)) return;
            break;
        }
        if (b->blocks == 0 && !sha256_stream_turn(b, a, work)) both = 0;
    }
    do {
        sha256_compress_one(&a->state, a->p, a->blocks);
        a->p += 64 * a->blocks;
        a->blocks = 0;
    } while (sha256_stream_turn(a, b, work));
}

#endif

/* --- what the rest of the package calls ------------------------------------------------------------------------ */

static int sha256_extended = 0;

static void sha256_choose(int allow_extensions) {
#ifdef SHA256_X86
    sha256_extended = allow_extensions && sha256_has_extensions();
#else
    (void)allow_extensions;
#endif
}

static void sha256_digest(const uint8_t *data, size_t length, uint8_t *digest) {
#ifdef SHA256_X86
    if (sha256_extended) {
        sha256_extensions(data, length, digest);
        return;
    }
#endif
    const Sha256Job job = {data, length, 0, NULL, NULL, digest};
    sha256_job_portable(&job);
}

/* Every job's digest or state, beginnings first in the list, which may be put into another order; and the digests of a chain (`next` may
 * be NULL), whose messages may go on from any of the beginnings. */
static void sha256_digests(Sha256Job *jobs, size_t count, Sha256Next next, void *chain) {
#ifdef SHA256_X86
    if (sha256_extended) {
        Sha256Work work = {jobs, count, 0, 0, next, chain};
        while (work.beginnings < count && jobs[work.beginnings].keep) work.beginnings++;
        sha256_work_extensions(&work);
        return;
    }
#endif
    for (size_t i = 0; i < count; i++) sha256_job_portable(&jobs[i]);
    while (next) {
        const Sha256Job *job = next(chain);
        if (!job) return;
        sha256_job_portable(job);
    }
}

#endif
