"""The commit block of a repository (version 3): its fields and the bytes that its signature is over."""

from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy

from indexer._fastpath.reasons cimport OK
from indexer._fastpath.sha256 cimport sha256
from indexer._fastpath.span cimport Slice, Span, slice_at
from indexer._fastpath.usual cimport (
    USUAL_COMMIT_DATA, USUAL_COMMIT_DID, USUAL_COMMIT_REV, USUAL_COMMIT_SIG, USUAL_COMMIT_SIG_END, USUAL_COMMIT_SIGNATURE, USUAL_DID, USUAL_TID,
    usual_commit,
)

cdef enum:
    COMMIT_LONGEST = 4096  # a DID takes 2048 at most, all else some 200


ctypedef struct Commit:
    Slice whole  # the block
    Slice did
    Slice rev
    const uint8_t *data  # the tree's root: 36 bytes
    const uint8_t *prev  # 36 bytes, or NULL where it is null or (older producers) missing
    const uint8_t *signature  # 64 bytes
    size_t signed_head  # bytes of the map's head
    size_t signature_start  # where the pair `sig` begins and ends in the block
    size_t signature_end
    uint64_t pairs


cdef inline bint read_usual_commit(Commit *out) noexcept nogil:
    """A commit as every server writes it today, from `out.whole`; False for any other form, right or wrong."""
    cdef const uint8_t *p = out.whole.p
    if not usual_commit(p, out.whole.n):
        return False
    out.did = slice_at(p + USUAL_COMMIT_DID, USUAL_DID)
    out.rev = slice_at(p + USUAL_COMMIT_REV, USUAL_TID)
    out.data = p + USUAL_COMMIT_DATA
    out.prev = NULL
    out.signature = p + USUAL_COMMIT_SIGNATURE
    out.signed_head = 1
    out.signature_start = USUAL_COMMIT_SIG
    out.signature_end = USUAL_COMMIT_SIG_END
    out.pairs = 6
    return True


# `read_commit` for whatever form.
cdef int read_other_commit(Span *s, Commit *out) noexcept nogil


cdef inline int read_commit(Span *s, Commit *out) noexcept nogil:
    """Read a block that holds a commit and nothing else; `s` covers the block and stops where it is refused."""
    out.whole.p = s.p
    out.whole.n = <size_t> (s.end - s.p)
    if not read_usual_commit(out):
        return read_other_commit(s, out)
    s.p = s.end
    return OK


cdef inline size_t unsigned_bytes(const Commit *commit, uint8_t *out) noexcept nogil:
    """Write the map without `sig` (COMMIT_LONGEST bytes at most) and give its size: the ranges around the pair are copied, as they
    stand, behind a head that counts one pair less."""
    cdef const uint8_t *base = commit.whole.p
    cdef size_t used = 1
    cdef size_t n
    cdef uint64_t pairs = commit.pairs - 1
    if pairs < 24:
        out[0] = <uint8_t> (0xA0 | pairs)
    elif pairs < 0x100:
        out[0] = 0xB8
        out[1] = <uint8_t> pairs
        used = 2
    else:
        out[0] = 0xB9
        out[1] = <uint8_t> (pairs >> 8)
        out[2] = <uint8_t> pairs
        used = 3
    n = commit.signature_start - commit.signed_head
    memcpy(out + used, base + commit.signed_head, n)
    used += n
    n = commit.whole.n - commit.signature_end
    memcpy(out + used, base + commit.signature_end, n)
    return used + n


cdef inline void signed_digest(const Commit *commit, uint8_t *digest) noexcept nogil:
    """Write the 32 bytes that the signature is over."""
    cdef uint8_t body[COMMIT_LONGEST]
    sha256(body, unsigned_bytes(commit, body), digest)
