"""Any text as DID, handle, NSID, record key, TID, CID, AT-URI and datetime, next to the specification's patterns."""

from __future__ import annotations

import re

from indexer._fastpath import did, syntax, tid
from indexer._fastpath.cid import CID, is_cid
from indexer.errors import FrameError
from tests.fuzz._run import Seen, fuzz

LABEL = r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
DID = re.compile(r"did:[a-z]+:[a-zA-Z0-9._:%-]*[a-zA-Z0-9._-]")
HANDLE = re.compile(rf"({LABEL}\.)+[a-zA-Z]([a-zA-Z0-9-]{{0,61}}[a-zA-Z0-9])?")
NSID = re.compile(
    r"[a-zA-Z]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)+"
    r"\.[a-zA-Z][a-zA-Z0-9]{0,62}"
)
RKEY = re.compile(r"[a-zA-Z0-9_~.:-]{1,512}")
TID = re.compile(r"[234567abcdefghij][234567abcdefghijklmnopqrstuvwxyz]{12}")


def target(seen: Seen, data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    answers = [
        (syntax.valid_did(text), DID.fullmatch(text) is not None and len(text) <= 2048),
        (syntax.valid_handle(text), HANDLE.fullmatch(text) is not None and len(text) <= 253),
        (syntax.valid_nsid(text), NSID.fullmatch(text) is not None and len(text) <= 317),
        (syntax.valid_rkey(text), RKEY.fullmatch(text) is not None and text not in (".", "..")),
        (tid.is_tid(text), TID.fullmatch(text) is not None),
    ]
    for number, (ours, pattern) in enumerate(answers):
        assert ours == pattern, (number, text)
        if ours:
            seen.reached(str(number), len(text))
    compact_forms(seen, text, data)
    at_uri(seen, text)
    datetime(seen, text)


def compact_forms(seen: Seen, text: str, data: bytes) -> None:
    """What is accepted leads back to the same text or bytes."""
    number = tid.to_int(text)
    assert number is None or tid.to_text(number) == text
    if syntax.valid_did(text):
        key = did.to_key(text)
        assert key[0] != 1 or did.from_key(key) == text
    parsed = seen.answer(lambda _: CID.parse(text), data)
    if isinstance(parsed, CID):
        assert str(parsed) == text
        assert is_cid(text)
    made = seen.answer(lambda raw: CID(raw[:36]), data)
    if isinstance(made, CID):
        assert bytes(made) == data[:36]
        assert made.codec not in (0x55, 0x71) or CID.parse(str(made)) == made


def at_uri(seen: Seen, text: str) -> None:
    try:
        authority, collection, rkey = syntax.split_at_uri(text)
    except FrameError as error:
        seen.reached(error.reason, len(text))
        return
    seen.reached(str(5 + bool(collection) + bool(rkey)), len(text))
    assert syntax.valid_did(authority) or syntax.valid_handle(authority)
    assert not collection or syntax.valid_nsid(collection)
    assert not rkey or (collection and syntax.valid_rkey(rkey))
    assert text.startswith("/".join(part for part in ("at:/", authority, collection, rkey) if part))


def datetime(seen: Seen, text: str) -> None:
    try:
        milliseconds = syntax.parse_datetime(text)
    except FrameError as error:
        seen.reached(error.reason, len(text))
        assert not syntax.is_canonical_datetime(text)
        return
    canonical = syntax.is_canonical_datetime(text)
    seen.reached(str(8 + canonical + 2 * (milliseconds < 0)), len(text))
    assert text.isascii()
    if canonical:
        assert len(text) == 24
        assert syntax.parse_datetime(text[:-1] + "+00:00") == milliseconds


if __name__ == "__main__":
    fuzz("identifiers", target)
