/* Hashing of short keys for tables whose keys a stranger chooses: the seeds are random in every process. */
#ifndef INDEXER_MIX_H
#define INDEXER_MIX_H

#include <stddef.h>
#include <stdint.h>

static inline uint64_t mix_pair(uint64_t a, uint64_t b, uint64_t seed) {
    const unsigned __int128 product = (unsigned __int128)(a ^ seed) * (b ^ (seed * 0x9E3779B97F4A7C15u + 0x7F4A7C15u));
    const uint64_t folded = (uint64_t)product ^ (uint64_t)(product >> 64);
    return folded ^ (folded >> 32);
}

static inline uint64_t mix_bytes(const uint8_t *p, size_t n, uint64_t seed) {
    uint64_t h = seed ^ (n * 0x9E3779B97F4A7C15u);
    uint64_t word;
    while (n >= 8) {
        __builtin_memcpy(&word, p, 8);
        h = mix_pair(h, word, seed);
        p += 8;
        n -= 8;
    }
    word = 0;
    __builtin_memcpy(&word, p, n);
    return mix_pair(h, word ^ ((uint64_t)n << 56), seed);
}

#endif
