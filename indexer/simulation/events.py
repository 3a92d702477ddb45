"""The frames of the firehose beside `#commit`: `#sync`, `#identity`, `#account`, `#info` and errors.

Rules: event stream specification and the `com.atproto.sync.subscribeRepos` lexicon. Instants are
microseconds.
"""

from __future__ import annotations

from typing import Any

from .clock import datetime_text
from .dagcbor import encode


def message(kind: str, payload: dict[str, Any]) -> bytes:
    """A frame of one message: header and payload."""
    return encode({"op": 1, "t": kind}) + encode(payload)


def identity_frame(seq: int, did: str, instant_us: int, handle: str | None = None) -> bytes:
    """`#identity`: the DID document or the handle may have changed."""
    payload = {"seq": seq, "did": did, "time": datetime_text(instant_us)}
    if handle is not None:
        payload["handle"] = handle
    return message("#identity", payload)


def account_frame(
    seq: int, did: str, instant_us: int, active: bool = True, status: str | None = None
) -> bytes:
    """`#account`: the account's hosting status."""
    payload: dict[str, Any] = {"seq": seq, "did": did, "time": datetime_text(instant_us), "active": active}
    if status is not None:
        payload["status"] = status
    return message("#account", payload)


def sync_frame(seq: int, did: str, instant_us: int, rev: str, blocks: bytes) -> bytes:
    """`#sync`: the repository's state, as a CAR file of its latest commit."""
    payload = {"seq": seq, "did": did, "rev": rev, "time": datetime_text(instant_us), "blocks": blocks}
    return message("#sync", payload)


def info_frame(name: str, text: str | None = None) -> bytes:
    """`#info`, which has no sequence number."""
    return message("#info", {"name": name} if text is None else {"name": name, "message": text})


def error_frame(error: str, text: str | None = None) -> bytes:
    """An error frame; the server closes the connection after it."""
    return encode({"op": -1}) + encode(
        {"error": error} if text is None else {"error": error, "message": text}
    )
