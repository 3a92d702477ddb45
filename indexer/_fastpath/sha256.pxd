"""SHA-256 of one message, or of many with two under way at a time."""

from libc.stdint cimport uint8_t


cdef extern from "sha256.h" nogil:
    ctypedef struct Sha256Job:
        const uint8_t *data
        size_t length
        uint8_t *digest


cdef void sha256(const uint8_t *data, size_t length, uint8_t *digest) noexcept nogil
cdef void sha256_many(const Sha256Job *jobs, size_t count) noexcept nogil
