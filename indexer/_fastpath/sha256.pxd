"""SHA-256 of one message, or of many with two under way at a time, going on from kept states where messages begin alike."""

from libc.stdint cimport uint8_t


cdef extern from "sha256.h" nogil:
    ctypedef struct Sha256State:
        pass

    # A message, what follows of one after a beginning (`before` bytes, the state `before_state`), or a beginning, whose state is kept.
    ctypedef struct Sha256Job:
        const uint8_t *data
        size_t length
        size_t before
        const Sha256State *state "from"
        Sha256State *keep
        uint8_t *digest

    ctypedef const Sha256Job *(*Sha256Next)(void *chain) noexcept nogil


cdef inline void set_job(Sha256Job *job, const uint8_t *data, size_t length, uint8_t *digest) noexcept nogil:
    """A whole message."""
    job.data = data
    job.length = length
    job.before = 0
    job.state = NULL
    job.keep = NULL
    job.digest = digest


cdef inline void set_beginning(Sha256Job *job, const uint8_t *data, size_t length, Sha256State *keep) noexcept nogil:
    """The first `length` bytes (a multiple of 64) of a message; `keep` takes the state after them."""
    set_job(job, data, length, NULL)
    job.keep = keep


cdef inline void set_rest(
    Sha256Job *job, const Sha256State *state, size_t before, const uint8_t *data, size_t length, uint8_t *digest,
) noexcept nogil:
    """What follows of a message after its first `before` bytes."""
    set_job(job, data, length, digest)
    job.before = before
    job.state = state


cdef void sha256(const uint8_t *data, size_t length, uint8_t *digest) noexcept nogil

# Do all jobs, of which the beginnings come first (their order may change), and beside them a chain (`next` may be NULL): `next` gives its
# messages one by one, each when the digest of the one before is written, and NULL at the end. It is first called when all beginnings are
# done.
cdef void sha256_many(Sha256Job *jobs, size_t count, Sha256Next next, void *chain) noexcept nogil
