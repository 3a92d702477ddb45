"""SHA-256 with the processor's SHA extensions where it has them (found out when the module is loaded)."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t
from libc.stdlib cimport free, malloc


cdef extern from "sha256.h" nogil:
    int sha256_extended
    void sha256_choose(int allow_extensions)
    void sha256_digest(const uint8_t *data, size_t length, uint8_t *digest)
    void sha256_digests(Sha256Job *jobs, size_t count, Sha256Next next, void *chain)


sha256_choose(1)


cdef void sha256(const uint8_t *data, size_t length, uint8_t *digest) noexcept nogil:
    sha256_digest(data, length, digest)


cdef void sha256_many(Sha256Job *jobs, size_t count, Sha256Next next, void *chain) noexcept nogil:
    sha256_digests(jobs, count, next, chain)


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
            set_job(
                &jobs[i], <const uint8_t *> PyBytes_AS_STRING(message), <size_t> PyBytes_GET_SIZE(message),
                <uint8_t *> PyBytes_AS_STRING(out[i]),
            )
        with nogil:
            sha256_digests(jobs, count, NULL, NULL)
    finally:
        free(jobs)
    return out


def uses_extensions() -> bool:
    """Whether the processor's SHA extensions do the work."""
    return sha256_extended != 0


def allow_extensions(bint allowed) -> None:
    """Turn the extensions off (and on again), so that tests reach the portable code; not while another thread hashes."""
    sha256_choose(allowed)
