"""Seeded hashing of short keys (mix.h)."""

from libc.stdint cimport uint8_t, uint64_t


cdef extern from "mix.h" nogil:
    uint64_t mix_pair(uint64_t a, uint64_t b, uint64_t seed)
    uint64_t mix_bytes(const uint8_t *p, size_t n, uint64_t seed)
