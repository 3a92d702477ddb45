/* Integers in network order, as binary COPY wants them. */
#ifndef INDEXER_BIGENDIAN_H
#define INDEXER_BIGENDIAN_H

#include <stdint.h>
#include <string.h>

static inline uint8_t *put16(uint8_t *p, uint16_t v) {
    v = __builtin_bswap16(v);
    memcpy(p, &v, 2);
    return p + 2;
}

static inline uint8_t *put32(uint8_t *p, uint32_t v) {
    v = __builtin_bswap32(v);
    memcpy(p, &v, 4);
    return p + 4;
}

static inline uint8_t *put64(uint8_t *p, uint64_t v) {
    v = __builtin_bswap64(v);
    memcpy(p, &v, 8);
    return p + 8;
}

#endif
