# cython: boundscheck=False, wraparound=False
"""The CID of Python code: immutable, 36 bytes in the object itself."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t
from libc.string cimport memcmp, memcpy

from indexer._fastpath.objects cimport slice_of_bytes, utf8_of
from indexer._fastpath.reasons cimport BAD_CID, fail
from indexer._fastpath.sha256 cimport sha256


@cython.final
@cython.freelist(256)
cdef class CID:
    """A content identifier as the data model blesses it: version 1, SHA-256, codec DAG-CBOR or raw.

    `CID(data)` takes its 36 bytes; `CID.parse(text)` its 59 characters; `CID.of(block)` the block that it names. Errors: FrameError."""

    def __init__(self, bytes data not None):
        if PyBytes_GET_SIZE(data) != 36:
            fail(BAD_CID, 0)
        memcpy(self.raw, PyBytes_AS_STRING(data), 36)
        if self.raw[0] != 1 or self.raw[1] >= 0x80 or self.raw[2] != 0x12 or self.raw[3] != 0x20:
            fail(BAD_CID, 0)

    @staticmethod
    def parse(str text not None) -> CID:
        """The CID of 59 characters, `b…`."""
        cdef bytes utf8 = utf8_of(text)
        cdef uint8_t raw[36]
        cdef int code = cid_from_text(slice_of_bytes(utf8), raw)
        if code < 0:
            fail(code, 0)
        return make_cid(raw)

    @staticmethod
    def of(bytes block not None, uint8_t codec=DAG_CBOR) -> CID:
        """The CID of a block's bytes."""
        cdef uint8_t digest[32]
        cdef uint8_t raw[36]
        sha256(<const uint8_t *> PyBytes_AS_STRING(block), <size_t> PyBytes_GET_SIZE(block), digest)
        cid_from_digest(digest, codec, raw)
        return make_cid(raw)

    @staticmethod
    def from_digest(bytes digest not None, uint8_t codec=DAG_CBOR) -> CID:
        """The CID of a digest of 32 bytes (the compact form); errors: ValueError for another length."""
        cdef uint8_t raw[36]
        if PyBytes_GET_SIZE(digest) != 32:
            raise ValueError(f"expected a digest of 32 bytes, got {PyBytes_GET_SIZE(digest)}")
        cid_from_digest(<const uint8_t *> PyBytes_AS_STRING(digest), codec, raw)
        return make_cid(raw)

    @property
    def digest(self) -> bytes:
        """The 32 bytes of SHA-256."""
        return PyBytes_FromStringAndSize(<const char *> self.raw + 4, 32)

    @property
    def codec(self) -> int:
        """0x71 for DAG-CBOR, 0x55 for raw bytes (blobs)."""
        return self.raw[1]

    def __bytes__(self) -> bytes:
        return PyBytes_FromStringAndSize(<const char *> self.raw, 36)

    def __str__(self) -> str:
        cdef uint8_t text[59]
        cid_to_text(self.raw, text)
        return (<const char *> text)[:59].decode("ascii")

    def __repr__(self) -> str:
        return f"CID.parse({str(self)!r})"

    def __hash__(self):
        cdef Py_hash_t value
        memcpy(&value, self.raw + 4, sizeof(value))
        return -2 if value == -1 else value

    def __eq__(self, other):
        if not isinstance(other, CID):
            return NotImplemented
        return memcmp(self.raw, (<CID> other).raw, 36) == 0

    def __lt__(self, other):
        if not isinstance(other, CID):
            return NotImplemented
        return memcmp(self.raw, (<CID> other).raw, 36) < 0

    def __reduce__(self):
        return CID, (bytes(self),)


cdef CID make_cid(const uint8_t *cid):
    """The object of 36 checked bytes."""
    cdef CID out = CID.__new__(CID)
    memcpy(out.raw, cid, 36)
    return out


def is_cid(str text not None) -> bool:
    """Whether `text` is a CID by the syntax of a lexicon's `cid` format: any multibase, not version 0."""
    return 8 <= len(text) <= 256 and text.isascii() and text.replace("+", "0").isalnum() and not text.startswith("Qmb")
