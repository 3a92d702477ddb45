"""What a record type other than edges and posts has to say about its records. One module per type fills in a
RecordKind.

Pure. The checks are those that the index relies on (fields that it reads, with their types); a record may hold more.
Lexicons of
app.bsky.*; what else a type demands is the reference AppView's, named in the type's module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from indexer._fastpath.syntax import parse_datetime, valid_did, valid_handle
from indexer.errors import FrameError
from indexer.records.notices import Notice
from indexer.records.references import References, Uri, parse_uri


class Place(NamedTuple):
    """Where and when a record stands: its key and account by id, its record key as text, the event's time in ms."""

    key: int
    actor: int
    rkey: str
    indexed_at: int


class Pair(NamedTuple):
    """What is unique about a record: its account (`actor`) may have one about this subject; more wait as duplicates."""

    actor: int
    subject_key: int
    subject_actor: int


def _no_refusal(_record: Mapping[str, Any], _place: Place, _references: References) -> str | None:
    return None


def _no_notices(_record: Mapping[str, Any], _place: Place, _references: References) -> Sequence[Notice]:
    return ()


Refusal = Callable[[Mapping[str, Any], Place, References], str | None]
Notices = Callable[[Mapping[str, Any], Place, References], Sequence[Notice]]


@dataclass(frozen=True)
class RecordKind:
    """One record type.

    code: see records/collections.py. required, optional: field -> check. only_self: its record key must be "self".
    refuses: why a
    record of the right form is refused all the same. created: notifications of a record that comes. pair and row:
    for types with a
    table of their own whose records are unique per subject: (pair of a record), (values of its row).
    deleted: notifications of a row that goes (also when it is replaced), made with the row and the time of the event.
    """

    code: int
    required: Mapping[str, Callable[[object], bool]] = field(default_factory=dict)
    optional: Mapping[str, Callable[[object], bool]] = field(default_factory=dict)
    only_self: bool = False
    refuses: Refusal = _no_refusal
    created: Notices = _no_notices
    pair: Callable[[Mapping[str, Any], Place, References], Pair | None] | None = None
    row: Callable[[Mapping[str, Any], Place, References], tuple[Any, ...]] | None = None
    deleted: Callable[[tuple[Any, ...], int], Sequence[Notice]] = lambda _row, _at: ()

    def refusal(self, record: object, place: Place, references: References) -> str | None:
        """Return why `record` (decoded) cannot be indexed, None if it can."""
        if not isinstance(record, dict):
            return f"expected a map, got {type(record).__name__}"
        if self.only_self and place.rkey != "self":
            return f"expected the record key self, got {place.rkey}"
        for name, check in self.required.items():
            if name not in record:
                return f"expected the field {name}, which is missing"
            if not check(record[name]):
                return f"expected {check.__name__.removeprefix('is_').replace('_', ' ')} as {name}"
        for name, check in self.optional.items():
            if name in record and not check(record[name]):
                return f"expected {check.__name__.removeprefix('is_').replace('_', ' ')} as {name}"
        return self.refuses(record, place, references)


def is_text(value: object) -> bool:
    return isinstance(value, str)


def is_list(value: object) -> bool:
    return isinstance(value, list)


def is_map(value: object) -> bool:
    return isinstance(value, dict)


def is_datetime(value: object) -> bool:
    return isinstance(value, str) and milliseconds(value) is not None


def is_did(value: object) -> bool:
    return isinstance(value, str) and valid_did(value)


def is_handle(value: object) -> bool:
    return isinstance(value, str) and valid_handle(value)


def is_at_uri(value: object) -> bool:
    return isinstance(value, str) and value.startswith("at://")


def is_strong_ref(value: object) -> bool:
    return isinstance(value, dict) and is_at_uri(value.get("uri")) and isinstance(value.get("cid"), str)


def milliseconds(value: object) -> int | None:
    """Return a datetime in ms since 1970, None for what is not one."""
    if not isinstance(value, str):
        return None
    try:
        return parse_datetime(value)
    except FrameError:
        return None


def created_at(record: Mapping[str, Any]) -> int:
    """Return createdAt in ms; 0, as the reference, where it is no datetime."""
    return milliseconds(record.get("createdAt")) or 0


def sort_at(record: Mapping[str, Any], place: Place) -> int:
    """Return the time by which the reference sorts: the earlier of createdAt and the event's time."""
    return min(created_at(record), place.indexed_at)


def own_uri(value: object, place: Place, references: References) -> Uri | None:
    """Return the parts of a URI of the same account as the record at `place`, None for any other."""
    uri = parse_uri(value)
    return uri if uri is not None and references.actor(uri.did) == place.actor else None
