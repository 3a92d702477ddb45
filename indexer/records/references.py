"""DIDs and AT-URIs inside records, as ids.

Owns how a URI's record key becomes a number: a TID in the collection that the place expects is its integer, any
other path is
interned. Pure: `References` is filled by the store with what the database holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from indexer._fastpath.syntax import split_at_uri, valid_did
from indexer._fastpath.tid import to_int
from indexer.errors import FrameError
from indexer.records.collections import NSIDS, POST


class Uri(NamedTuple):
    """An AT-URI of one record, taken apart."""

    did: str
    collection: str
    rkey: str


def parse_uri(text: object) -> Uri | None:
    """Return the parts of an AT-URI that names one record by its account's DID, None for anything else."""
    if not isinstance(text, str) or not text.startswith("at://did:"):
        return None
    try:
        parts = Uri(*split_at_uri(text))
    except FrameError:
        return None
    return parts if parts.collection and parts.rkey and valid_did(parts.did) else None


def own_key(collection: str, rkey: str, default: str) -> int | str:
    """Return a record's key where `default` is the expected collection: an integer, or the path to be interned."""
    if collection == default and (number := to_int(rkey)) is not None and number > 0:
        return number
    return f"{collection}/{rkey}"


class References:
    """Ids of DIDs and paths; what is not in it has no id, so nothing stored can refer to it."""

    def __init__(self, actors: Mapping[str, int], paths: Mapping[str, int]) -> None:
        self.actors = actors
        self.paths = paths

    def actor(self, did: object) -> int | None:
        """Return the id of an account, None if `did` is not a DID with an id."""
        return self.actors.get(did) if isinstance(did, str) else None

    def record(self, uri: object, kind: int = POST) -> tuple[int, int] | None:
        """Return (key, account id) of the record at `uri`, where one of collection `kind` is expected; None as
        above.
        """
        parts = parse_uri(uri)
        if parts is None or (actor := self.actors.get(parts.did)) is None:
            return None
        key = own_key(parts.collection, parts.rkey, NSIDS[kind])
        number = key if isinstance(key, int) else self.paths.get(key)
        return None if number is None else (number, actor)


def mentioned_references(record: object) -> tuple[set[str], set[str]]:
    """Return every DID and every rare path ("collection/rkey") that stands as a whole text somewhere in `record`."""
    dids: set[str] = set()
    paths: set[str] = set()
    pending: list[object] = [record]
    while pending:
        value = pending.pop()
        if isinstance(value, str):
            if value.startswith("did:"):
                dids.add(value)
            elif (uri := parse_uri(value)) is not None:
                dids.add(uri.did)
                paths.add(
                    f"{uri.collection}/{uri.rkey}"
                )  # rare or not depends on where it stands: ask for all
        elif isinstance(value, dict):
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)
    return dids, paths


def gather(records: Iterable[object]) -> tuple[list[str], list[str]]:
    """Return the sorted DIDs and paths of `mentioned_references` over all of `records`."""
    dids: set[str] = set()
    paths: set[str] = set()
    for record in records:
        more_dids, more_paths = mentioned_references(record)
        dids |= more_dids
        paths |= more_paths
    return sorted(dids), sorted(paths)
