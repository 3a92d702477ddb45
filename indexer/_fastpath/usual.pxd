"""The byte layouts that nearly every commit has, recognized whole (usual.h)."""

from libc.stdint cimport int64_t, uint8_t


cdef extern from "usual.h" nogil:
    enum:
        USUAL_DID
        USUAL_TID
        USUAL_TIME
        USUAL_CID_TEXT
        USUAL_CAR_ROOT
        USUAL_COMMIT_DID
        USUAL_COMMIT_REV
        USUAL_COMMIT_SIG
        USUAL_COMMIT_SIGNATURE
        USUAL_COMMIT_SIG_END
        USUAL_COMMIT_DATA

    ctypedef struct UsualOp:
        const uint8_t *cid
        const uint8_t *path
        size_t path_size

    ctypedef struct UsualBody:
        const uint8_t *rev
        const uint8_t *repo
        const uint8_t *time
        const uint8_t *since
        const uint8_t *blocks
        size_t blocks_size
        const uint8_t *commit
        const uint8_t *prev_data
        int64_t seq

    ctypedef struct UsualReference:
        const uint8_t *cid
        const uint8_t *did
        const uint8_t *rkey

    ctypedef struct UsualEdge:
        UsualReference subject
        UsualReference via
        const uint8_t *created_at

    const uint8_t *usual_car_header(const uint8_t *p, const uint8_t *end)
    size_t usual_section(const uint8_t *p, const uint8_t *end)
    const uint8_t *usual_op(const uint8_t *p, const uint8_t *end, UsualOp *out)
    bint usual_body(const uint8_t *p, const uint8_t *end, UsualBody *out)
    const uint8_t *usual_reply(const uint8_t *p, const uint8_t *end, UsualReference *root, UsualReference *parent)
    bint usual_commit(const uint8_t *p, size_t n)
    bint usual_like(const uint8_t *p, size_t n, UsualEdge *out)
    bint usual_repost(const uint8_t *p, size_t n, UsualEdge *out)
    bint usual_follow(const uint8_t *p, size_t n, UsualEdge *out)
    bint usual_block(const uint8_t *p, size_t n, UsualEdge *out)
