"""What a #commit must prove before its records are believed (sync specification, "Record-level synchronization")."""

from libc.stdint cimport uint8_t

from indexer._fastpath.arena cimport Arena
from indexer._fastpath.car cimport Block, BlockIndex
from indexer._fastpath.commit cimport Commit
from indexer._fastpath.frame cimport CommitFrame

cdef enum Prove:
    PROVE_HASHES = 1  # every block has its CID's digest, also those that nothing needs
    PROVE_TREE = 2  # the operations lead from prevData to the commit's tree


ctypedef struct Proof:
    BlockIndex index
    Commit commit
    const Block **records  # one an operation; NULL for deletes
    uint8_t signed_digest[32]  # what the signature is over; only with PROVE_HASHES


# Check a commit apart from its signature. 0, or the code of the first check that failed, with `at` at the place.
# PREV_DATA_MISSING and PREV_MISSING come last: everything else was in order, including that the created and updated paths are in the
# tree, and it is the caller's policy whether that is enough.
cdef int check_commit(const CommitFrame *frame, Arena *arena, int prove, Proof *out, const uint8_t **at) noexcept nogil
