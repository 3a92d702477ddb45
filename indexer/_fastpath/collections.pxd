"""The collections that the index knows, as small numbers (the same as in indexer/records/collections.py), and the bits of a post."""

from libc.string cimport memcmp

from indexer._fastpath.span cimport Slice


cdef enum Collection:
    UNKNOWN_COLLECTION = 0
    LIKE = 1
    REPOST = 2
    FOLLOW = 3
    BLOCK = 4
    POST = 5
    PROFILE = 6
    GENERATOR = 7
    THREADGATE = 8
    POSTGATE = 9
    LIST = 10
    LIST_ITEM = 11
    LIST_BLOCK = 12
    STARTER_PACK = 13
    VERIFICATION = 14
    REFERENCE_LIST_OPT_OUT = 15
    ACTOR_STATUS = 16
    LABELER_SERVICE = 17
    NOTIFICATION_DECLARATION = 18
    CHAT_DECLARATION = 19
    ANY_OTHER = 20  # kept as it is, where the operator wants that; collection_code never says it
    COLLECTIONS = 21

# Bits of stage_post.flags that the record itself decides (indexer/records/post_flags.py has these and the writer's).
cdef enum PostFlag:
    HAS_IMAGES = 1
    HAS_VIDEO = 2
    HAS_EXTERNAL = 4
    HAS_RECORD = 8
    HAS_GALLERY = 16
    IS_REPLY = 32
    IS_QUOTE = 64
    HAS_MENTIONS = 128


cdef inline bint ends(Slice text, size_t skipped, const char *rest, size_t n) noexcept nogil:
    return memcmp(text.p + skipped, rest, n) == 0


cdef inline int collection_code(Slice nsid) noexcept nogil:
    """The code of a collection's NSID, UNKNOWN_COLLECTION for any other text."""
    if nsid.n < 18 or nsid.n > 34:
        return UNKNOWN_COLLECTION
    if memcmp(nsid.p, b"app.bsky.", 9) != 0:
        if nsid.n == 27 and memcmp(nsid.p, b"chat.bsky.actor.declaration", 27) == 0:
            return CHAT_DECLARATION
        return UNKNOWN_COLLECTION
    if nsid.n == 18:
        if ends(nsid, 9, b"feed.like", 9):
            return LIKE
        if ends(nsid, 9, b"feed.post", 9):
            return POST
    elif nsid.n == 19:
        if ends(nsid, 9, b"graph.list", 10):
            return LIST
    elif nsid.n == 20:
        if ends(nsid, 9, b"feed.repost", 11):
            return REPOST
        if ends(nsid, 9, b"graph.block", 11):
            return BLOCK
    elif nsid.n == 21:
        if ends(nsid, 9, b"graph.follow", 12):
            return FOLLOW
        if ends(nsid, 9, b"actor.status", 12):
            return ACTOR_STATUS
    elif nsid.n == 22:
        if ends(nsid, 9, b"actor.profile", 13):
            return PROFILE
        if ends(nsid, 9, b"feed.postgate", 13):
            return POSTGATE
    elif nsid.n == 23:
        if ends(nsid, 9, b"feed.generator", 14):
            return GENERATOR
        if ends(nsid, 9, b"graph.listitem", 14):
            return LIST_ITEM
    elif nsid.n == 24:
        if ends(nsid, 9, b"feed.threadgate", 15):
            return THREADGATE
        if ends(nsid, 9, b"graph.listblock", 15):
            return LIST_BLOCK
        if ends(nsid, 9, b"labeler.service", 15):
            return LABELER_SERVICE
    elif nsid.n == 26:
        if ends(nsid, 9, b"graph.starterpack", 17):
            return STARTER_PACK
    elif nsid.n == 27:
        if ends(nsid, 9, b"graph.verification", 18):
            return VERIFICATION
    elif nsid.n == 33:
        if ends(nsid, 9, b"notification.declaration", 24):
            return NOTIFICATION_DECLARATION
    elif nsid.n == 34:
        if ends(nsid, 9, b"graph.referencelistoptout", 25):
            return REFERENCE_LIST_OPT_OUT
    return UNKNOWN_COLLECTION
