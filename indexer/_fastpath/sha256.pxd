"""SHA-256 of one message, or of many with two under way at a time; states can be kept where messages begin alike."""

from libc.stdint cimport uint8_t, uint64_t


cdef extern from "sha256.h" nogil:
    ctypedef struct Sha256State:
        pass

    ctypedef struct Sha256Job:
        const uint8_t *data
        size_t length
        size_t fork_length
        Sha256State *fork
        uint8_t *digest


cdef void sha256(const uint8_t *data, size_t length, uint8_t *digest) noexcept nogil

# The digest of a message of `whole` bytes, of which `data` holds those that come after the kept state.
cdef void sha256_resume(
    const Sha256State *state, const uint8_t *data, size_t length, uint64_t whole, uint8_t *digest,
) noexcept nogil

# Every job's digest, and its state after `fork_length` bytes (a multiple of 64, at most its length; 0 for none).
cdef void sha256_many(const Sha256Job *jobs, size_t count) noexcept nogil
