/* Memory: asking for it before it is needed, and clearing it. */
#ifndef INDEXER_MEMORY_H
#define INDEXER_MEMORY_H

#include <stddef.h>
#include <string.h>

/* A frame is read in jumps, from block to block, so that the processor cannot foresee the next address; but the whole of it is near. */
static inline void prefetch_span(const void *p, size_t n, size_t most) {
    const char *at = (const char *)p;
    const char *const end = at + (n < most ? n : most);
#pragma GCC unroll 4
    for (; at < end; at += 64) __builtin_prefetch(at, 0, 2);
}

/* Zeros for a struct of a few hundred bytes: the library's vector stores, where a compiler that knows the size takes the slower `rep stos`. */
static __attribute__((noinline, noclone)) void clear_struct(void *p, size_t n) { memset(p, 0, n); }

#endif
