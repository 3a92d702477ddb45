"""A validator of answers against their lexicons: small, strict, and independent of the code that it tests."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

_DID = re.compile(r"did:[a-z]+:[A-Za-z0-9._:%-]*[A-Za-z0-9._-]")
_HANDLE = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)
_NSID = re.compile(r"[a-z][a-z0-9-]*(\.[a-z0-9-]+)+\.[a-zA-Z][a-zA-Z0-9]*", re.IGNORECASE)
_AT_URI = re.compile(
    rf"at://({_DID.pattern}|{_HANDLE.pattern})(/{_NSID.pattern}(/[A-Za-z0-9._~:-]+)?)?", re.IGNORECASE
)


def _is_datetime(text: str) -> bool:
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", text):
        return False
    datetime.fromisoformat(text)
    return True


_FORMATS: dict[str, Callable[[str], Any]] = {
    "did": _DID.fullmatch,
    "handle": _HANDLE.fullmatch,
    "at-identifier": lambda text: _DID.fullmatch(text) or _HANDLE.fullmatch(text),
    "nsid": _NSID.fullmatch,
    "at-uri": _AT_URI.fullmatch,
    "cid": re.compile(r"b[a-z2-7]{20,}").fullmatch,
    "datetime": _is_datetime,
    "uri": re.compile(r"[a-z][a-z.-]*:\S+").fullmatch,
    "language": re.compile(r"[a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8})*").fullmatch,
    "tid": re.compile(r"[234567a-j][234567a-z]{12}").fullmatch,
    "record-key": re.compile(r"[A-Za-z0-9._~:-]{1,512}").fullmatch,
}


class Lexicons:
    """The lexicons below a directory."""

    def __init__(self, directory: Path) -> None:
        self._documents: dict[str, Any] = {}
        for path in directory.rglob("*.json"):
            document = json.loads(path.read_text())
            self._documents[document["id"]] = document
        assert self._documents, f"no lexicons in {directory}"

    def problems(self, nsid: str, value: object) -> list[str]:
        """What is wrong with an answer of the method `nsid`; nothing for a right one."""
        output = self._documents[nsid]["defs"]["main"].get("output")
        if output is None or "schema" not in output:
            return [] if value in (None, {}) else [f"{nsid} has no output, got {value!r}"]
        return list(self._check(output["schema"], value, nsid, "$"))

    def methods(self) -> list[str]:
        return [
            nsid
            for nsid, document in self._documents.items()
            if document["defs"].get("main", {}).get("type") in ("query", "procedure")
        ]

    def parameters(self, nsid: str) -> dict[str, Any]:
        """The definition of a method's parameters."""
        found: dict[str, Any] = self._documents[nsid]["defs"]["main"].get("parameters", {})
        return found

    def _resolve(self, reference: str, home: str) -> tuple[dict[str, Any], str]:
        nsid, _, name = reference.partition("#")
        nsid = nsid or home
        return self._documents[nsid]["defs"][name or "main"], nsid

    def _check(self, schema: dict[str, Any], value: Any, home: str, at: str) -> Iterator[str]:
        kind = schema["type"]
        if kind == "ref":
            target, place = self._resolve(schema["ref"], home)
            yield from self._check(target, value, place, at)
        elif kind == "union":
            yield from self._union(schema, value, home, at)
        elif kind == "record":
            yield from self._check(schema["record"], value, home, at)
        elif kind == "object":
            yield from self._object(schema, value, home, at)
        elif kind == "array":
            yield from self._array(schema, value, home, at)
        elif kind == "string":
            yield from self._string(schema, value, at)
        elif kind == "integer":
            if not isinstance(value, int) or isinstance(value, bool):
                yield f"{at}: expected an integer, got {value!r}"
            elif value < schema.get("minimum", value) or value > schema.get("maximum", value):
                yield f"{at}: {value} is out of bounds"
        elif kind == "boolean":
            if not isinstance(value, bool):
                yield f"{at}: expected a boolean, got {value!r}"
        elif kind == "unknown":
            if not isinstance(value, dict):
                yield f"{at}: expected an object, got {value!r}"
        elif kind == "blob":
            if not isinstance(value, dict) or ("ref" not in value and "cid" not in value):
                yield f"{at}: expected a blob, got {value!r}"
        elif kind == "bytes":
            if not isinstance(value, dict) or "$bytes" not in value:
                yield f"{at}: expected bytes, got {value!r}"
        elif kind == "cid-link":
            if not isinstance(value, dict) or "$link" not in value:
                yield f"{at}: expected a link, got {value!r}"
        elif kind != "token":
            yield f"{at}: unknown type {kind}"

    def _union(self, schema: dict[str, Any], value: Any, home: str, at: str) -> Iterator[str]:
        if not isinstance(value, dict) or "$type" not in value:
            yield f"{at}: expected an object with $type, got {str(value)[:80]}"
            return
        for reference in schema["refs"]:
            target, place = self._resolve(reference, home)
            name = reference if not reference.startswith("#") else home + reference
            if value["$type"] == name.removesuffix("#main"):
                yield from self._check(target, value, place, at)
                return
        if schema.get("closed"):
            yield f"{at}: {value['$type']} is not a member of the union"
        else:
            yield f"{at}: {value['$type']} is not known (an open union, but this server should give known members)"

    def _object(self, schema: dict[str, Any], value: Any, home: str, at: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{at}: expected an object, got {str(value)[:80]}"
            return
        for name in schema.get("required", ()):
            if name not in value:
                yield f"{at}: {name} is missing"
        nullable = schema.get("nullable", ())
        for name, part in schema.get("properties", {}).items():
            if name not in value:
                continue
            if value[name] is None and name in nullable:
                continue
            yield from self._check(part, value[name], home, f"{at}.{name}")
        for name in value.keys() - schema.get("properties", {}).keys() - {"$type"}:
            yield f"{at}: {name} is not in the lexicon"

    def _array(self, schema: dict[str, Any], value: Any, home: str, at: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield f"{at}: expected an array, got {str(value)[:80]}"
            return
        if len(value) > schema.get("maxLength", len(value)) or len(value) < schema.get("minLength", 0):
            yield f"{at}: {len(value)} items"
        for number, item in enumerate(value):
            yield from self._check(schema["items"], item, home, f"{at}[{number}]")

    def _string(self, schema: dict[str, Any], value: Any, at: str) -> Iterator[str]:
        if not isinstance(value, str):
            yield f"{at}: expected a string, got {value!r}"
            return
        if len(value.encode()) > schema.get("maxLength", len(value.encode())):
            yield f"{at}: too long"
        if "enum" in schema and value not in schema["enum"]:
            yield f"{at}: {value!r} is not one of {schema['enum']}"
        if "const" in schema and value != schema["const"]:
            yield f"{at}: {value!r} is not {schema['const']!r}"
        if "format" in schema and not _FORMATS[schema["format"]](value):
            yield f"{at}: {value!r} is not a {schema['format']}"
