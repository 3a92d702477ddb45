/* Asking for memory before it is needed. */
#ifndef INDEXER_PREFETCH_H
#define INDEXER_PREFETCH_H

#include <stddef.h>

/* A frame is read in jumps, from block to block, so that the processor cannot foresee the next address; but the whole of it is near. */
static inline void prefetch_span(const void *p, size_t n, size_t most) {
    const char *at = (const char *)p;
    const char *const end = at + (n < most ? n : most);
    for (; at < end; at += 64) __builtin_prefetch(at, 0, 2);
}

#endif
