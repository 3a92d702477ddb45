/* The byte layouts that nearly every commit has, recognized whole.
 *
 * DAG-CBOR has one encoding for one value, and today's servers write the same fields. So an operation, a commit's body and block, and
 * likes, reposts, follows and blocks are the same bytes in the same places, apart from values of known length: comparing them eight bytes
 * at a time takes a fraction of what taking them apart item by item does. A function here says where the values stand if that layout is
 * what there is; of every other form, right or wrong, it says no, and the general reader decides. So nothing is accepted here that it
 * would refuse: texts are found to be ASCII, unless a comment says who reads them character by character. */
#ifndef INDEXER_USUAL_H
#define INDEXER_USUAL_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "text.h"

#define USUAL_INLINE static inline __attribute__((always_inline))

/* Whether these are the `n` bytes of a literal. Differences are gathered, not branched on, and `n` is a constant: what stays of a literal is numbers
 * in the code, where memcmp would be called for some lengths. */
USUAL_INLINE int usual_same(const uint8_t *p, const char *literal, size_t n) {
    uint64_t different = 0, a, b;
    size_t i = 0;
    for (; n - i >= 8; i += 8) {
        memcpy(&a, p + i, 8);
        memcpy(&b, literal + i, 8);
        different |= a ^ b;
    }
    if (n >= 8 && i < n) {
        memcpy(&a, p + n - 8, 8);
        memcpy(&b, literal + n - 8, 8);
        return (different | (a ^ b)) == 0;
    }
    return different == 0 && (i == n || memcmp(p + i, literal + i, n - i) == 0);
}

#define USUAL_IS(p, literal) usual_same((p), (literal), sizeof(literal) - 1)

/* A link's bytes before the digest: tag 42, 37 bytes, multibase identity, CIDv1, DAG-CBOR, SHA-256 of 32 bytes. */
#define USUAL_LINK "\xd8\x2a\x58\x25\x00\x01\x71\x12\x20"

enum { USUAL_DID = 32, USUAL_TID = 13, USUAL_TIME = 24, USUAL_CID = 36, USUAL_CID_TEXT = 59 };

/* The header of a CAR with one root, which is a DAG-CBOR block: where it ends, or NULL. The root is USUAL_CAR_ROOT bytes in. */
enum { USUAL_CAR_ROOT = 14 };

static inline const uint8_t *usual_car_header(const uint8_t *p, const uint8_t *end) {
    return end - p >= 59 && USUAL_IS(p, "\x3a\xa2\x65roots\x81" USUAL_LINK) && USUAL_IS(p + 50, "\x67version\x01") ? p + 59 : NULL;
}

/* How many bytes follow the length of a CAR's section, if that takes two bytes (128 to 16,383), the section is a DAG-CBOR block and all of it is there;
 * 0 for anything else. */
static inline size_t usual_section(const uint8_t *p, const uint8_t *end) {
    if (end - p < 2 + USUAL_CID || (p[0] & 0x80) == 0 || (p[1] & 0x80) != 0 || !USUAL_IS(p + 2, "\x01\x71\x12\x20")) return 0;
    const size_t n = (size_t)(p[0] & 0x7F) | (size_t)p[1] << 7;
    return n >= 128 && n <= (size_t)(end - p) - 2 ? n : 0;
}

/* --- #commit ---------------------------------------------------------------------------------------------------------- */

typedef struct {
    const uint8_t *cid;
    const uint8_t *path;
    size_t path_size;
} UsualOp;

/* The creation of a record at a path of 24 bytes or more, which nobody has looked at yet: whoever takes it for a collection and a TID, both known
 * by each of their characters, need not ask whether it is text. Gives where the operation ends, NULL for anything else. */
static inline const uint8_t *usual_op(const uint8_t *p, const uint8_t *end, UsualOp *out) {
    enum { PATH = 53, ACTION = 14 };
    if (end - p < PATH || !USUAL_IS(p, "\xa3\x63" "cid" USUAL_LINK) || !USUAL_IS(p + 46, "\x64path\x78")) return NULL;
    const size_t size = p[52];
    if (size < 24 || (size_t)(end - p) < PATH + size + ACTION) return NULL;
    out->cid = p + 10;
    out->path = p + PATH;
    out->path_size = size;
    p += PATH + size;
    return USUAL_IS(p, "\x66" "action\x66" "create") ? p + ACTION : NULL;
}

/* The argument of a head of this major type, in its shortest form; nine bytes are readable. Gives where the head ends, or NULL. */
USUAL_INLINE const uint8_t *usual_head(const uint8_t *p, unsigned major, uint64_t *argument) {
    const unsigned info = *p - (major << 5);
    const uint64_t following = text_load8(p + 1);
    /* Each width by itself, the usual ones first: to compute how far to shift takes longer. */
    if (info == 25) {
        *argument = following >> 48;
        return *argument >= 1 << 8 ? p + 3 : NULL;
    }
    if (info == 26) {
        *argument = following >> 32;
        return *argument >= 1 << 16 ? p + 5 : NULL;
    }
    if (info == 27) {
        *argument = following;
        return *argument >= 1ULL << 32 ? p + 9 : NULL;
    }
    if (info == 24) {
        *argument = following >> 56;
        return *argument >= 24 ? p + 2 : NULL;
    }
    *argument = info;
    return info < 24 ? p + 1 : NULL;
}

typedef struct {
    const uint8_t *rev;   /* 13 bytes */
    const uint8_t *repo;  /* 32 bytes */
    const uint8_t *time;  /* 24 bytes */
    const uint8_t *since; /* 13 bytes, NULL for null */
    const uint8_t *blocks;
    size_t blocks_size;
    const uint8_t *commit;    /* 36 bytes */
    const uint8_t *prev_data; /* 36 bytes, NULL for null */
    int64_t seq;
} UsualBody;

/* All of a body after its operations, `rev` to `prevData`, with the repository of a did:plc. */
static inline int usual_body(const uint8_t *p, const uint8_t *end, UsualBody *out) {
    enum { SHORTEST = 200, AFTER_BLOCKS = 73 };
    /* So many bytes there must be, whatever the values' lengths: nothing up to the head of `blocks` has to ask again. */
    if (end - p < SHORTEST || !USUAL_IS(p, "\x63rev\x6d") || !USUAL_IS(p + 18, "\x63seq")) return 0;
    out->rev = p + 5;
    p += 22;
    uint64_t seq;
    p = usual_head(p, 0, &seq);
    if (p == NULL || seq == 0 || seq >> 53) return 0;
    out->seq = (int64_t)seq;
    if (!USUAL_IS(p, "\x64repo\x78\x20") || !USUAL_IS(p + 39, "\x64time\x78\x18") || !USUAL_IS(p + 70, "\x65" "blobs\x80\x65since"))
        return 0;
    out->repo = p + 7;
    out->time = p + 46;
    p += 83;
    if (*p == 0x6d) {
        out->since = p + 1;
        p += 14;
    } else if (*p == 0xf6) {
        out->since = NULL;
        p += 1;
    } else {
        return 0;
    }
    if (!USUAL_IS(p, "\x66" "blocks")) return 0;
    p += 7;
    uint64_t size;
    p = usual_head(p, 2, &size);
    if (p == NULL || size > (uint64_t)(end - p) || (uint64_t)(end - p) - size < AFTER_BLOCKS) return 0;
    out->blocks_size = (size_t)size;
    out->blocks = p;
    p += size;
    if (!USUAL_IS(p, "\x66" "commit" USUAL_LINK)) return 0;
    out->commit = p + 12;
    p += 48;
    if (!USUAL_IS(p, "\x66rebase\xf4\x66tooBig\xf4\x68prevData")) return 0;
    p += 25;
    if (end - p == 41 && USUAL_IS(p, USUAL_LINK)) {
        out->prev_data = p + 5;
    } else if (end - p == 1 && *p == 0xf6) {
        out->prev_data = NULL;
    } else {
        return 0;
    }
    /* Sixteen bytes of a TID's thirteen: the others are the start of a key, compared above. */
    const uint8_t *const texts[] = {out->rev, out->repo, out->repo + 16, out->time, out->time + 8, out->since != NULL ? out->since : out->rev};
    return text_ascii16_each(texts, 6);
}

/* Where the values of a commit's block stand. */
enum {
    USUAL_COMMIT_DID = 7,
    USUAL_COMMIT_REV = 44,
    USUAL_COMMIT_SIG = 57, /* the pair, key and value */
    USUAL_COMMIT_SIGNATURE = 63,
    USUAL_COMMIT_SIG_END = 127,
    USUAL_COMMIT_DATA = 137,
    USUAL_COMMIT_SIZE = 188
};

static inline int usual_commit(const uint8_t *p, size_t n) {
    return n == USUAL_COMMIT_SIZE && USUAL_IS(p, "\xa6\x63" "did\x78\x20") && USUAL_IS(p + 39, "\x63rev\x6d") &&
           USUAL_IS(p + USUAL_COMMIT_SIG, "\x63sig\x58\x40") && USUAL_IS(p + 127, "\x64" "data" USUAL_LINK) &&
           USUAL_IS(p + 173, "\x64prev\xf6\x67version\x03") &&
           text_ascii16_each((const uint8_t *const[]){p + USUAL_COMMIT_DID, p + USUAL_COMMIT_DID + 16, p + USUAL_COMMIT_REV}, 3);
}

/* --- edges ------------------------------------------------------------------------------------------------------------ */

/* Characters that nobody has looked at yet: whoever takes them for a CID, a did:plc or a TID looks at each. */
typedef struct {
    const uint8_t *cid;  /* 59 */
    const uint8_t *did;  /* 32 */
    const uint8_t *rkey; /* 13 */
} UsualReference;

#define USUAL_NO_REFERENCE ((UsualReference){NULL, NULL, NULL})

typedef struct {
    UsualReference subject; /* of a follow or block only `did` */
    UsualReference via;     /* cid NULL: none */
    const uint8_t *created_at; /* 24 characters, not looked at either */
} UsualEdge;

/* The size of {cid, uri} whose URI leads to a TID in a collection; `middle` is the collection between its two slashes. */
#define USUAL_REFERENCE_SIZE(middle) (72 + 5 + USUAL_DID + (sizeof(middle) - 1) + USUAL_TID)

USUAL_INLINE int usual_reference(const uint8_t *p, const char *middle, size_t n, UsualReference *out) {
    out->cid = p + 7;
    out->did = p + 77;
    out->rkey = p + 109 + n;
    return USUAL_IS(p, "\xa2\x63" "cid\x78\x3b") && USUAL_IS(p + 66, "\x63uri\x78") && p[71] == 50 + n && USUAL_IS(p + 72, "at://") &&
           usual_same(p + 109, middle, n);
}

#define USUAL_POST "/app.bsky.feed.post/"
#define USUAL_REPOST "/app.bsky.feed.repost/"

/* A like or a repost of a post, by way of a repost or not. `type` is all from the key `$type` to the key `subject`. */
USUAL_INLINE int usual_attention(const uint8_t *p, size_t n, const char *type, size_t type_size, UsualEdge *out) {
    enum {
        SUBJECT = USUAL_REFERENCE_SIZE(USUAL_POST),
        VIA = USUAL_REFERENCE_SIZE(USUAL_REPOST),
        TIME = 12,
    };
    const size_t plain = 1 + type_size + SUBJECT + TIME + USUAL_TIME;
    out->via = USUAL_NO_REFERENCE;
    if (n == plain) {
        if (*p != 0xa3) return 0;
    } else if (n == plain + 4 + VIA) {
        if (!USUAL_IS(p, "\xa4\x63via") || !usual_reference(p + 5, USUAL_REPOST, sizeof(USUAL_REPOST) - 1, &out->via)) return 0;
        p += 4 + VIA;
    } else {
        return 0;
    }
    p += 1;
    if (!usual_same(p, type, type_size)) return 0;
    p += type_size;
    if (!usual_reference(p, USUAL_POST, sizeof(USUAL_POST) - 1, &out->subject)) return 0;
    p += SUBJECT;
    out->created_at = p + TIME;
    return USUAL_IS(p, "\x69" "createdAt\x78\x18");
}

/* The map of a reply's two references, both to posts; their CIDs are ASCII. Gives where it ends, or NULL. */
static inline const uint8_t *usual_reply(const uint8_t *p, const uint8_t *end, UsualReference *root, UsualReference *parent) {
    enum { SIZE = USUAL_REFERENCE_SIZE(USUAL_POST), ROOT = 6, PARENT = ROOT + SIZE + 7 };
    if (end - p < PARENT + SIZE || !USUAL_IS(p, "\xa2\x64root") || !USUAL_IS(p + ROOT + SIZE, "\x66parent") ||
        !usual_reference(p + ROOT, USUAL_POST, sizeof(USUAL_POST) - 1, root) ||
        !usual_reference(p + PARENT, USUAL_POST, sizeof(USUAL_POST) - 1, parent))
        return NULL;
    if (!text_is_ascii(root->cid, USUAL_CID_TEXT, USUAL_CID_TEXT) || !text_is_ascii(parent->cid, USUAL_CID_TEXT, USUAL_CID_TEXT)) return NULL;
    return p + PARENT + SIZE;
}

/* A follow or block of a did:plc. `type` is all up to the head of the subject. */
USUAL_INLINE int usual_relation(const uint8_t *p, size_t n, const char *type, size_t type_size, UsualEdge *out) {
    out->via = USUAL_NO_REFERENCE;
    out->subject = USUAL_NO_REFERENCE;
    out->subject.did = p + type_size;
    p += type_size + USUAL_DID;
    out->created_at = p + 12;
    return n == type_size + USUAL_DID + 12 + USUAL_TIME && usual_same(out->subject.did - type_size, type, type_size) &&
           USUAL_IS(p, "\x69" "createdAt\x78\x18");
}

#define USUAL_WITH_TYPE(function, literal) function(p, n, literal, sizeof(literal) - 1, out)

static inline int usual_like(const uint8_t *p, size_t n, UsualEdge *out) {
    return USUAL_WITH_TYPE(usual_attention, "\x65$type\x72" "app.bsky.feed.like\x67subject");
}

static inline int usual_repost(const uint8_t *p, size_t n, UsualEdge *out) {
    return USUAL_WITH_TYPE(usual_attention, "\x65$type\x74" "app.bsky.feed.repost\x67subject");
}

static inline int usual_follow(const uint8_t *p, size_t n, UsualEdge *out) {
    return USUAL_WITH_TYPE(usual_relation, "\xa3\x65$type\x75" "app.bsky.graph.follow\x67subject\x78\x20");
}

static inline int usual_block(const uint8_t *p, size_t n, UsualEdge *out) {
    return USUAL_WITH_TYPE(usual_relation, "\xa3\x65$type\x74" "app.bsky.graph.block\x67subject\x78\x20");
}

#endif
