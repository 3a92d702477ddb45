"""The text of every reason for which the byte core refuses its input."""

from indexer.errors import FrameError

REASONS = {
    TRUNCATED: "truncated: expected more bytes than are left",
    NOT_SHORTEST: "CBOR: expected the shortest form of a length or integer",
    INDEFINITE: "CBOR: indefinite length",
    RESERVED_HEAD: "CBOR: reserved additional information 28-30",
    BAD_SIMPLE: "CBOR: expected false, true or null, got another simple value",
    FLOAT_REFUSED: "CBOR: floating-point number where none is allowed",
    FLOAT_NOT_FINITE: "CBOR: floating-point number that is not finite",
    BAD_TAG: "CBOR: expected tag 42, got another tag",
    BAD_UTF8: "CBOR: text is not valid UTF-8",
    KEY_NOT_TEXT: "CBOR: map key is not text",
    KEY_ORDER: "CBOR: map keys are not sorted (length first)",
    KEY_DUPLICATE: "CBOR: map key occurs twice",
    TOO_DEEP: "CBOR: nested too deeply",
    TRAILING_BYTES: "CBOR: bytes after the value",
    INTEGER_RANGE: "CBOR: integer beyond 64 bits signed",
    WRONG_TYPE: "CBOR: value of another type than expected",
    OUT_OF_MEMORY: "out of memory",
    TOO_MANY_KEYS: "CBOR: unsorted map with too many keys",
    BAD_CID: "CID: expected version 1, DAG-CBOR or raw, SHA-256",
    BAD_VARINT: "CAR: bad varint",
    CAR_HEADER: "CAR: expected a header {roots, version: 1}",
    CAR_ROOTS: "CAR: expected exactly one root",
    CAR_BLOCK_TOO_SHORT: "CAR: section shorter than its CID",
    TOO_LARGE: "larger than the protocol allows",
    HASH_MISMATCH: "block does not have the hash that its CID claims",
    BLOCK_MISSING: "block that is linked to is missing",
    BAD_HEADER: "frame: expected a header {op: 1, t} or {op: -1}",
    FIELD_MISSING: "frame: required field is missing",
    BAD_OP: "frame: operation is neither a create, an update nor a delete with its fields",
    TOO_MANY_OPS: "frame: more operations than the protocol allows",
    BAD_SEQ: "frame: expected a positive sequence number below 2^53",
    BAD_PATH: "frame: operation's path is not collection/rkey",
    COMMIT_VERSION: "commit: expected version 3",
    COMMIT_SIGNATURE: "commit: expected a signature of 64 bytes",
    COMMIT_NOT_ROOT: "commit: the CAR's root is not the frame's commit",
    COMMIT_REPO: "commit: did differs from the frame's repo",
    COMMIT_REV: "commit: rev differs from the frame's rev",
    RECORD_MISSING: "commit: record block of an operation is missing",
    MST_PREFIX: "MST: key does not share the longest prefix with the one before it",
    MST_ORDER: "MST: keys are not in ascending order",
    MST_LAYER: "MST: key or subtree on a layer where it does not belong",
    MST_EMPTY: "MST: empty node that is not the whole tree",
    MST_TOO_DEEP: "MST: more layers than a SHA-256 can give",
    MST_KEY: "MST: key is not collection/rkey",
    OP_NOT_FOUND: "inversion: created or updated path is not in the tree",
    OP_VALUE: "inversion: path leads to another record than the operation says",
    OP_EXISTS: "inversion: deleted path is in the tree",
    OP_DUPLICATE: "inversion: path occurs in two operations",
    PREV_DATA_MISSING: "inversion: prevData is missing",
    PREV_MISSING: "inversion: prev of an update or delete is missing",
    ROOT_MISMATCH: "inversion: the tree before the operations does not have the root prevData",
    BAD_TID: "TID: expected 13 characters of the sortable base32 alphabet",
    BAD_DID: "DID: not a valid DID",
    BAD_DATETIME: "datetime: not RFC 3339 as the protocol restricts it",
    BAD_SYNTAX: "not in the expected syntax",
}


def reason_text(int code) -> str:
    """The text of a code below zero; errors: KeyError for a number that is no code."""
    return REASONS[code]


cdef object frame_error(int code, Py_ssize_t offset):
    if code == OUT_OF_MEMORY:
        return MemoryError()
    return FrameError(REASONS.get(code, "unknown reason"), offset)


cdef int fail(int code, Py_ssize_t offset) except -1:
    """Raise what a code below zero means; `offset` counts from the first byte that the caller was given."""
    raise frame_error(code, offset)
