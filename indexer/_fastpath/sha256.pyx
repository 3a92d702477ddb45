"""SHA-256 with the processor's SHA extensions where it has them (found out when the module is loaded)."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint64_t
from libc.stdlib cimport free, malloc


cdef extern from "sha256.h" nogil:
    int sha256_extended
    void sha256_choose(int allow_extensions)
    void sha256_digest(const uint8_t *data, size_t length, uint8_t *digest)
    void sha256_resumed(const Sha256State *state, const uint8_t *data, size_t length, uint64_t whole, uint8_t *digest)
    void sha256_digests(const Sha256Job *jobs, size_t count)


sha256_choose(1)


cdef void sha256(const uint8_t *data, size_t length, uint8_t *digest) noexcept nogil:
    sha256_digest(data, length, digest)


cdef void sha256_resume(
    const Sha256State *state, const uint8_t *data, size_t length, uint64_t whole, uint8_t *digest,
) noexcept nogil:
    sha256_resumed(state, data, length, whole, digest)


cdef void sha256_many(const Sha256Job *jobs, size_t count) noexcept nogil:
    sha256_digests(jobs, count)


def digest(const uint8_t[::1] data not None) -> bytes:
    """The 32 bytes of SHA-256 over `data`."""
    cdef bytes out = PyBytes_FromStringAndSize(NULL, 32)
    cdef const uint8_t *p = &data[0] if data.shape[0] else NULL
    sha256_digest(p, <size_t> data.shape[0], <uint8_t *> PyBytes_AS_STRING(out))
    return out


def digests(list messages not None) -> list[bytes]:
    """SHA-256 of every message of a list, in its order; the GIL is released meanwhile."""
    cdef size_t count = <size_t> len(messages)
    cdef size_t i
    cdef list out = [PyBytes_FromStringAndSize(NULL, 32) for _ in range(count)]
    cdef Sha256Job *jobs = <Sha256Job *> malloc((count + 1) * sizeof(Sha256Job))
    if jobs == NULL:
        raise MemoryError
    try:
        for i in range(count):
            message = <bytes?> messages[i]
            jobs[i].data = <const uint8_t *> PyBytes_AS_STRING(message)
            jobs[i].length = <size_t> PyBytes_GET_SIZE(message)
            jobs[i].digest = <uint8_t *> PyBytes_AS_STRING(out[i])
            jobs[i].fork_length = 0
        with nogil:
            sha256_digests(jobs, count)
    finally:
        free(jobs)
    return out


def digests_of_two(bytes first not None, bytes second not None, size_t shared) -> tuple[bytes, bytes]:
    """SHA-256 of both, hashing only once the `shared` bytes (a multiple of 64) with which they begin.

    Errors: ValueError where `shared` is no multiple of 64 or beyond either."""
    cdef Sha256State state
    cdef Sha256Job job
    cdef bytes first_digest = PyBytes_FromStringAndSize(NULL, 32)
    cdef bytes second_digest = PyBytes_FromStringAndSize(NULL, 32)
    if shared & 63 or shared == 0 or shared > <size_t> min(len(first), len(second)):
        raise ValueError(f"expected a multiple of 64 within both messages, got {shared}")
    job.data = <const uint8_t *> PyBytes_AS_STRING(first)
    job.length = <size_t> PyBytes_GET_SIZE(first)
    job.fork_length = shared
    job.fork = &state
    job.digest = <uint8_t *> PyBytes_AS_STRING(first_digest)
    sha256_digests(&job, 1)
    sha256_resumed(
        &state, <const uint8_t *> PyBytes_AS_STRING(second) + shared, <size_t> PyBytes_GET_SIZE(second) - shared,
        <uint64_t> PyBytes_GET_SIZE(second), <uint8_t *> PyBytes_AS_STRING(second_digest),
    )
    return first_digest, second_digest


def uses_extensions() -> bool:
    """Whether the processor's SHA extensions do the work."""
    return sha256_extended != 0


def allow_extensions(bint allowed) -> None:
    """Turn the extensions off (and on again), so that tests reach the portable code; not while another thread hashes."""
    sha256_choose(allowed)
