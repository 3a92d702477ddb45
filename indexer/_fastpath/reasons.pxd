"""Why bytes are refused: the codes that the nogil core returns, and the one way to make an exception of them."""


cdef enum Reason:
    OK = 0
    # CBOR
    TRUNCATED = -1
    NOT_SHORTEST = -2
    INDEFINITE = -3
    RESERVED_HEAD = -4
    BAD_SIMPLE = -5
    FLOAT_REFUSED = -6
    FLOAT_NOT_FINITE = -7
    BAD_TAG = -8
    BAD_UTF8 = -9
    KEY_NOT_TEXT = -10
    KEY_ORDER = -11
    KEY_DUPLICATE = -12
    TOO_DEEP = -13
    TRAILING_BYTES = -14
    INTEGER_RANGE = -15
    WRONG_TYPE = -16
    OUT_OF_MEMORY = -17
    TOO_MANY_KEYS = -18
    # CID
    BAD_CID = -20
    # CAR
    BAD_VARINT = -30
    CAR_HEADER = -31
    CAR_ROOTS = -32
    CAR_BLOCK_TOO_SHORT = -33
    TOO_LARGE = -34
    HASH_MISMATCH = -35
    BLOCK_MISSING = -36
    # frame
    BAD_HEADER = -40
    FIELD_MISSING = -41
    BAD_OP = -42
    TOO_MANY_OPS = -43
    BAD_SEQ = -44
    BAD_PATH = -45
    # commit
    COMMIT_VERSION = -50
    COMMIT_SIGNATURE = -51
    COMMIT_NOT_ROOT = -52
    COMMIT_REPO = -53
    COMMIT_REV = -54
    RECORD_MISSING = -55
    # MST
    MST_PREFIX = -60
    MST_ORDER = -61
    MST_LAYER = -62
    MST_EMPTY = -63
    MST_TOO_DEEP = -64
    MST_KEY = -65
    OP_NOT_FOUND = -66
    OP_VALUE = -67
    OP_EXISTS = -68
    OP_DUPLICATE = -69
    PREV_DATA_MISSING = -70
    PREV_MISSING = -71
    ROOT_MISMATCH = -72
    # syntax
    BAD_TID = -80
    BAD_DID = -81
    BAD_DATETIME = -82
    BAD_SYNTAX = -83


cdef object frame_error(int code, Py_ssize_t offset)
cdef int fail(int code, Py_ssize_t offset) except -1
