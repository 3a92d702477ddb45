"""Private state as a file of JSON lines, and back: what cannot be indexed again from the network.

The first line names the format, every other one is a mute, bookmark, ... by the DIDs and AT-URIs that it is about, so
that it fits any database, also one that has not seen these accounts yet. Written and read in one transaction each;
reading a file twice changes nothing more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple

import asyncpg
import msgspec

from indexer._fastpath.syntax import valid_did
from indexer._fastpath.tid import to_text
from indexer.errors import FileFormatError
from indexer.records.collections import LIST, NSIDS, POST
from indexer.records.references import own_key, parse_uri
from indexer.store.intern import Interner
from indexer.store.pool import connect, store_errors
from indexer.store.sql import load

HEADER: Final = {"format": "indexer private state", "version": 1}
_CHUNK: Final = 1_000


class _Kind(NamedTuple):
    """The fields of one kind of line: name -> type, in the order of the import statement's columns.

    Types: `did`; `uri`, of a record that is in `collection` unless it says otherwise (two columns, account and key);
    any type that JSON has.
    """

    fields: dict[str, str | type]
    collection: int = POST


_KINDS: Final = {
    "mute": _Kind(
        {"actor": "did", "subject": "did", "created_at": int, "only_reposts": bool, "only_quotes": bool}
    ),
    "list_mute": _Kind({"actor": "did", "uri": "uri", "created_at": int}, LIST),
    "thread_mute": _Kind({"actor": "did", "uri": "uri", "created_at": int}),
    "bookmark": _Kind({"actor": "did", "uri": "uri", "digest": str, "place": str, "created_at": int}),
    "seen": _Kind({"actor": "did", "seen_at": int, "priority": bool}),
    "data": _Kind({"actor": "did", "namespace": str, "name": str, "payload": str, "indexed_at": int}),
    "subscription": _Kind(
        {"actor": "did", "subject": "did", "place": str, "post": bool, "reply": bool, "created_at": int}
    ),
    "account_takedown": _Kind({"actor": "did", "ref": str}),
    "record_takedown": _Kind({"uri": str, "ref": str, "created_at": int}),
}


async def export_private(url: str, write: Callable[[bytes], object], advance: Callable[[int], None]) -> int:
    """Write all private state of the database; returns the number of lines after the header.

    `advance` is told of lines done. Raises StoreError if the database cannot be asked.
    """
    connection = await connect(url, settings={"application_name": "indexer export"})
    count = 0
    try:
        write(msgspec.json.encode(HEADER) + b"\n")
        with store_errors("cannot export private state"):
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                for name, kind in _KINDS.items():
                    async for row in connection.cursor(load(f"private_export_{name}"), prefetch=_CHUNK):
                        write(msgspec.json.encode({"kind": name, **_line(kind, row)}) + b"\n")
                        count += 1
                        advance(1)
    finally:
        await connection.close()
    return count


def _line(kind: _Kind, row: asyncpg.Record) -> dict[str, Any]:
    line = {name: row[name] for name, type_ in kind.fields.items() if type_ != "uri"}
    if "uri" in kind.fields and kind.fields["uri"] == "uri":
        path = row["path"] or f"{NSIDS[kind.collection]}/{to_text(row['key'])}"
        line["uri"] = f"at://{row['did']}/{path}"
    return line


async def import_private(url: str, lines: Iterable[bytes], advance: Callable[[int], None]) -> int:
    """Put the private state of a file into the database, all of it or nothing; returns the number of lines.

    What is there already and in the file too becomes as the file says; what is only there stays. `advance` is told of
    bytes read. Raises FileFormatError for a line that is none, StoreError if the database cannot take them.
    """
    numbered = enumerate(lines, start=1)
    connection = await connect(url)
    count = 0
    try:
        interner = Interner(connection)
        with store_errors("cannot import private state"):
            async with connection.transaction():
                _check_header(next(numbered, (1, b""))[1])
                while chunk := list(islice(numbered, _CHUNK)):
                    await _import(connection, interner, [_parse(number, line) for number, line in chunk])
                    count += len(chunk)
                    advance(sum(len(line) for _, line in chunk))
    finally:
        await connection.close()
    return count


def _check_header(line: bytes) -> None:
    try:
        header = msgspec.json.decode(line)
    except msgspec.DecodeError:
        header = None
    if header != HEADER:
        raise FileFormatError(f"line 1: expected {msgspec.json.encode(HEADER).decode()}, got {line[:80]!r}")


class _Parsed(NamedTuple):
    """A line that is right: its kind and values, URIs as (DID, collection, rkey)."""

    kind: str
    values: dict[str, Any]


def _parse(number: int, line: bytes) -> _Parsed:
    try:
        values = msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise FileFormatError(f"line {number}: expected a JSON object, got an error: {error}") from None
    name = values.pop("kind", None)
    if name not in _KINDS:
        raise FileFormatError(f"line {number}: expected a kind of {', '.join(_KINDS)}, got {name!r}")
    fields = _KINDS[name].fields
    if values.keys() != fields.keys():
        raise FileFormatError(
            f"line {number}: expected the fields {', '.join(fields)}, got {', '.join(values)}"
        )
    for field, kind in fields.items():
        value = values[field]
        if kind == "uri":
            values[field] = parse_uri(value)
            good = values[field] is not None
        elif kind == "did":
            good = isinstance(value, str) and valid_did(value)
        else:
            good = type(value) is kind
        if not good:
            expected = kind if isinstance(kind, str) else kind.__name__
            raise FileFormatError(
                f"line {number}: expected {field} to be {expected}, got {str(value)[:80]!r}"
            )
    return _Parsed(name, values)


async def _import(connection: asyncpg.Connection[Any], interner: Interner, lines: Sequence[_Parsed]) -> None:
    dids: dict[str, None] = {}
    paths: dict[str, None] = {}
    for line in lines:
        kind = _KINDS[line.kind]
        for field, value in _typed(kind, line):
            if kind.fields[field] == "did":
                dids[value] = None
            else:
                dids[value.did] = None
                key = own_key(value.collection, value.rkey, NSIDS[kind.collection])
                if isinstance(key, str):
                    paths[key] = None
    ids = {known.did: known.id for known in await interner.actors(list(dids))}
    keys = await interner.paths(list(paths))
    for name in dict.fromkeys(line.kind for line in lines):
        kind = _KINDS[name]
        rows = [tuple(_columns(kind, line, ids, keys)) for line in lines if line.kind == name]
        rows = list({_identity(kind, row): row for row in rows}.values())
        await connection.execute(load(f"private_import_{name}"), *(list(c) for c in zip(*rows, strict=True)))
    actors = [ids[line.values["actor"]] for line in lines if "actor" in line.values]
    await connection.execute(load("private_import_versions"), actors)


def _typed(kind: _Kind, line: _Parsed) -> Iterator[tuple[str, Any]]:
    return ((field, line.values[field]) for field, type_ in kind.fields.items() if type_ in ("did", "uri"))


def _columns(kind: _Kind, line: _Parsed, ids: dict[str, int], keys: dict[str, int]) -> Iterator[Any]:
    for field, type_ in kind.fields.items():
        value = line.values[field]
        if type_ == "did":
            yield ids[value]
        elif type_ == "uri":
            key = own_key(value.collection, value.rkey, NSIDS[kind.collection])
            yield ids[value.did]
            yield keys[key] if isinstance(key, str) else key
        else:
            yield value


def _identity(kind: _Kind, row: tuple[Any, ...]) -> tuple[Any, ...]:
    """What a row is about: of two lines about the same, the later one counts."""
    if "namespace" in kind.fields or kind.fields.get("uri") == "uri":
        return row[:3]
    return row[:2] if "subject" in kind.fields else row[:1]
