# cython: boundscheck=False, wraparound=False
"""From a commit's fields to the proof that they belong together: CAR, hashes, commit block, records, tree.

Owns the order of the checks. Refuses to know keys and signatures (it gives the digest that is signed) and the repository's history.
"""

from libc.stdint cimport uint8_t, uint32_t
from indexer._fastpath.arena cimport Arena, arena_free, arena_init, arena_take
from indexer._fastpath.car cimport Block, find_block, hash_blocks, index_blocks, read_car_header, same_cid
from indexer._fastpath.cid cimport make_cid
from indexer._fastpath.commit cimport read_commit, signed_digest, unsigned_bytes
from indexer._fastpath.frame cimport FRAME_COMMIT, CommitFrame, read_commit_body, read_frame_header
from indexer._fastpath.inversion cimport Inversion, check_paths, compare_root, undo_operations
from indexer._fastpath.mst cimport Leaves, empty_tree, walk_tree
from indexer._fastpath.objects cimport bytes_of, span_of_bytes, text_of
from indexer._fastpath.reasons cimport (
    BAD_HEADER, BLOCK_MISSING, COMMIT_NOT_ROOT, COMMIT_REPO, COMMIT_REV, MST_KEY, OK, OUT_OF_MEMORY, PREV_DATA_MISSING,
    PREV_MISSING, RECORD_MISSING, fail,
)
from indexer._fastpath.rehash cimport next_step
from indexer._fastpath.sha256 cimport Sha256Job, Sha256Next, set_job, sha256_many
from indexer._fastpath.span cimport Slice, Span, span_of, span_of_slice
from indexer._fastpath.text cimport text_is_ascii


cdef extern from "memory.h" nogil:
    bint same_bytes(const uint8_t *a, const uint8_t *b, size_t n)


cdef inline bint same(Slice a, Slice b) noexcept nogil:
    return a.n == b.n and same_bytes(a.p, b.p, a.n)


cdef int find_commit(const uint8_t *cid, Proof *out, const uint8_t **at) noexcept nogil:
    cdef const Block *block = find_block(&out.index, cid)
    cdef Span s
    cdef int code
    at[0] = cid
    if block == NULL:
        return BLOCK_MISSING
    s = span_of(block.data, block.length)
    code = read_commit(&s, &out.commit)
    at[0] = s.p
    return code


cdef int find_records(const CommitFrame *frame, Arena *arena, Proof *out, const uint8_t **at) noexcept nogil:
    cdef uint32_t i
    out.records = <const Block **> arena_take(arena, (<size_t> frame.op_count + 1) * sizeof(Block *))
    if out.records == NULL:
        return OUT_OF_MEMORY
    for i in range(frame.op_count):
        out.records[i] = NULL
        if frame.ops[i].cid == NULL:
            continue
        out.records[i] = find_block(&out.index, frame.ops[i].cid)
        if out.records[i] == NULL:
            at[0] = frame.ops[i].cid
            return RECORD_MISSING
    return OK


cdef int finish_tree(
    const CommitFrame *frame, Arena *arena, Proof *out, int undone, Inversion *inversion, const uint8_t **at,
) noexcept nogil:
    """Compare the undone tree with prevData; where the frame lacks what undoing takes, check the paths at least."""
    cdef int missing = PREV_MISSING
    cdef int code
    if frame.prev_data != NULL:
        if undone == OK:
            return compare_root(inversion, frame.prev_data, at)
        if undone != PREV_MISSING:
            return undone
    else:
        # A repository's first commit has nothing before it: its tree was empty.
        if frame.since.p == NULL and undone == OK and compare_root(inversion, empty_tree(), at) == OK:
            return OK
        missing = PREV_DATA_MISSING
    code = check_paths(&out.index, out.commit.data, frame.ops, frame.op_count, arena, at)
    if code < 0:
        return code
    at[0] = frame.commit
    return missing


cdef int find_parts(const CommitFrame *frame, Arena *arena, Proof *out, const uint8_t **at) noexcept nogil:
    """The commit block, which must fit the frame, and the records."""
    cdef int code = find_commit(frame.commit, out, at)
    if code < 0:
        return code
    at[0] = out.commit.whole.p
    if not same(out.commit.did, frame.repo):
        return COMMIT_REPO
    if not same(out.commit.rev, frame.rev):
        return COMMIT_REV
    return find_records(frame, arena, out, at)


cdef int check_commit(const CommitFrame *frame, Arena *arena, int prove, Proof *out, const uint8_t **at) noexcept nogil:
    cdef Span s = span_of_slice(frame.blocks)
    cdef const uint8_t *root
    cdef const Block *bad
    cdef Inversion inversion
    cdef int code, hashed
    cdef int undone = OK
    cdef Sha256Next next = NULL
    cdef Sha256Job signing
    cdef uint8_t *to_sign
    code = read_car_header(&s, &root)
    at[0] = s.p
    if code < 0:
        return code
    if not same_cid(root, frame.commit):
        at[0] = root
        return COMMIT_NOT_ROOT
    code = index_blocks(&s, arena, &out.index)
    at[0] = s.p
    if code < 0:
        return code
    code = find_parts(frame, arena, out, at)
    if code == OK and prove & PROVE_TREE:
        undone = undo_operations(
            &out.index, out.commit.data, frame.ops, frame.op_count, (prove & PROVE_HASHES) != 0, arena, &inversion, at,
        )
        if undone == OK and (frame.prev_data != NULL or frame.since.p == NULL):
            next = next_step
    # Hashes come late, so that they can serve the tree as well, but what they find comes before all else that was found.
    if prove & PROVE_HASHES:
        if code == OK:
            to_sign = <uint8_t *> arena_take(arena, out.commit.whole.n + 8)
            if to_sign == NULL:
                return OUT_OF_MEMORY
            set_job(&signing, to_sign, unsigned_bytes(&out.commit, to_sign), out.signed_digest)
        hashed = hash_blocks(&out.index, arena, &bad, &signing if code == OK else NULL, next, &inversion.rehash)
        if hashed < 0:
            if hashed != OUT_OF_MEMORY:
                at[0] = bad.cid
            return hashed
    elif next != NULL:
        sha256_many(NULL, 0, next, &inversion.rehash)
    if code == OK and prove & PROVE_TREE:
        code = finish_tree(frame, arena, out, undone, &inversion, at)
    return code


# --- for Python code --------------------------------------------------------------------------------------------------

cdef class CommitProof:
    """A commit whose blocks, records and (if asked) tree were found in order; the signature is the caller's to check.

    `inverted` is False where the frame lacks prevData or prev and only its paths could be checked."""

    cdef readonly long long seq
    cdef readonly str did
    cdef readonly str rev
    cdef readonly object commit
    cdef readonly object data
    cdef readonly bytes signature
    cdef readonly bytes signed_digest
    cdef readonly bint inverted


def prove_commit(bytes frame not None, bint hashes=True, bint tree=True) -> CommitProof:
    """Check one #commit message. Errors: FrameError with reason and offset for whatever fails (also for another kind of message)."""
    cdef Span s = span_of_bytes(frame)
    cdef const uint8_t *base = s.p
    cdef const uint8_t *end = s.end
    cdef const uint8_t *at = base
    cdef Arena arena
    cdef CommitFrame fields
    cdef Proof proof
    cdef CommitProof out
    cdef int kind
    cdef int code
    arena_init(&arena)
    try:
        with nogil:
            code = read_frame_header(&s, &kind)
            if code == OK and kind != FRAME_COMMIT:
                code = BAD_HEADER
            if code == OK:
                code = read_commit_body(&s, &arena, &fields)
            at = s.p
            if code == OK:
                code = check_commit(
                    &fields, &arena, (PROVE_HASHES if hashes else 0) | (PROVE_TREE if tree else 0), &proof, &at,
                )
        if code < 0 and code != PREV_DATA_MISSING and code != PREV_MISSING:
            fail(code, at - base if base <= at <= end else 0)
        if not hashes:
            signed_digest(&proof.commit, proof.signed_digest)
        out = CommitProof.__new__(CommitProof)
        out.seq = fields.seq
        out.did = text_of(fields.repo)
        out.rev = text_of(fields.rev)
        out.commit = make_cid(fields.commit)
        out.data = make_cid(proof.commit.data)
        out.signature = bytes_of(proof.commit.signature, 64)
        out.signed_digest = bytes_of(proof.signed_digest, 32)
        out.inverted = tree and code == OK
        return out
    finally:
        arena_free(&arena)


cdef class Repository:
    """A whole repository as an export (getRepo) gives it: its commit and all records, proven complete.

    `commit_block` is the commit as stored; `records` is a list of (path, CID, record bytes) in the tree's order."""

    cdef readonly str did
    cdef readonly str rev
    cdef readonly object commit
    cdef readonly object data
    cdef readonly bytes signature
    cdef readonly bytes signed_digest
    cdef readonly bytes commit_block
    cdef readonly list records


cdef list records_of(const Leaves *leaves, const Proof *proof, const uint8_t *base):
    cdef list out = []
    cdef const Block *block
    cdef Slice key
    cdef size_t i
    for i in range(leaves.count):
        block = find_block(&proof.index, leaves.items[i].cid)
        if block == NULL:
            fail(RECORD_MISSING, leaves.items[i].cid - base)
        key = leaves.items[i].key
        if not text_is_ascii(key.p, key.n, key.n):
            fail(MST_KEY, leaves.items[i].cid - base)
        out.append((text_of(key), make_cid(leaves.items[i].cid), bytes_of(block.data, block.length)))
    return out


def read_repository(bytes car not None, bint hashes=True) -> Repository:
    """Read an export, check every block's hash, the commit, and the whole tree: nothing that it links to may be missing.

    Errors: FrameError with reason and offset."""
    cdef Span s = span_of_bytes(car)
    cdef const uint8_t *base = s.p
    cdef const uint8_t *at = base
    cdef const uint8_t *root
    cdef const Block *bad
    cdef uint8_t digest[32]
    cdef Arena arena
    cdef Proof proof
    cdef Leaves leaves
    cdef Repository out
    cdef int code
    arena_init(&arena)
    try:
        with nogil:
            code = read_car_header(&s, &root)
            if code == OK:
                code = index_blocks(&s, &arena, &proof.index)
            at = s.p
            if code == OK and hashes:
                code = hash_blocks(&proof.index, &arena, &bad, NULL, NULL, NULL)
                if code < 0 and code != OUT_OF_MEMORY:
                    at = bad.cid
            if code == OK:
                code = find_commit(root, &proof, &at)
            if code == OK:
                code = walk_tree(&proof.index, proof.commit.data, &arena, &leaves, &at)
        if code < 0:
            fail(code, at - base)
        signed_digest(&proof.commit, digest)
        out = Repository.__new__(Repository)
        out.did = text_of(proof.commit.did)
        out.rev = text_of(proof.commit.rev)
        out.commit = make_cid(root)
        out.data = make_cid(proof.commit.data)
        out.signature = bytes_of(proof.commit.signature, 64)
        out.signed_digest = bytes_of(digest, 32)
        out.commit_block = bytes_of(proof.commit.whole.p, proof.commit.whole.n)
        out.records = records_of(&leaves, &proof, base)
        return out
    finally:
        arena_free(&arena)
