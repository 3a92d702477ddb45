"""The chain of hashes from a tree's changed nodes up to its root (see rehash.pyx)."""

from indexer._fastpath.mst cimport Link, Tree
from indexer._fastpath.sha256 cimport Sha256Job


cdef struct Step


ctypedef struct Rehash:
    Tree *tree
    bint keep
    Step *next
    Step *last
    Step *current  # handed out, its digest not yet used
    int code  # OK, or why the chain broke off


# Get the chain ready, for all changed nodes under `root`. `keep`: blocks are hashed as well, and then begin with the state that the chain
# goes on from (`Block.begun`). The pointers must stay good until the chain is at its end.
cdef int plan_rehash(Tree *tree, Link *root, bint keep, Rehash *out) noexcept nogil

# A `Sha256Next` whose chain is a Rehash. At its end every link has its CID, unless `code` says otherwise.
cdef const Sha256Job *next_step(void *chain) noexcept nogil
