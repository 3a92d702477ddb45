"""Query parameters: typed and checked as a method's lexicon says.

A method declares its parameters as a subclass of `Parameters` (a msgspec Struct): types, defaults and limits come from
the annotations. Errors say which parameter, what was expected and what came. Parameters that are not declared and
empty strings are ignored, as the reference server does.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Annotated, Any, TypeVar, cast, get_type_hints
from urllib.parse import parse_qsl

import msgspec
from msgspec import Meta

from indexer.api.formats import FORMATS
from indexer.errors import InvalidRequest

_INTEGER = re.compile(r"-?\d+")

AtIdentifier = Annotated[str, Meta(extra_json_schema={"format": "at-identifier"})]
AtUri = Annotated[str, Meta(extra_json_schema={"format": "at-uri"})]
Cid = Annotated[str, Meta(extra_json_schema={"format": "cid"})]
Datetime = Annotated[str, Meta(extra_json_schema={"format": "datetime"})]
Did = Annotated[str, Meta(extra_json_schema={"format": "did"})]
Handle = Annotated[str, Meta(extra_json_schema={"format": "handle"})]
Language = Annotated[str, Meta(extra_json_schema={"format": "language"})]
Nsid = Annotated[str, Meta(extra_json_schema={"format": "nsid"})]
RecordKey = Annotated[str, Meta(extra_json_schema={"format": "record-key"})]
Uri = Annotated[str, Meta(extra_json_schema={"format": "uri"})]
Limit = Annotated[int, Meta(ge=1, le=100)]


class Parameters(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The parameters of one method. Field names are Python's; on the wire they are in camel case."""


class Paged(Parameters, frozen=True, kw_only=True):
    """Parameters of a method that answers in pages."""

    limit: Limit = 50
    cursor: str | None = None


P = TypeVar("P", bound=Parameters)


class _Field:
    """How one parameter is read: its type once optional and list wrappers are off, and its limits."""

    __slots__ = ("check", "convert", "is_list", "maximum_items", "name", "wire")

    def __init__(self, name: str, wire: str, annotation: Any) -> None:
        self.name = name
        self.wire = wire
        described = msgspec.inspect.type_info(annotation)
        extra: dict[str, Any] = {}
        described, extra = _unwrap(described)
        self.is_list = isinstance(described, msgspec.inspect.ListType)
        self.maximum_items = described.max_length if isinstance(described, msgspec.inspect.ListType) else None
        if isinstance(described, msgspec.inspect.ListType):
            described, extra = _unwrap(described.item_type)
        self.convert = _converter(described)
        self.check = _checker(described, extra)

    def read(self, values: list[str]) -> Any:
        read = [self._one(value) for value in values]
        if not self.is_list:
            if len(read) > 1:
                raise InvalidRequest(f"Expected one value, got {len(read)} (at {self.wire})")
            return read[0]
        if self.maximum_items is not None and len(read) > self.maximum_items:
            raise InvalidRequest(
                f"array too big (maximum {self.maximum_items}, got {len(read)}) at {self.wire}"
            )
        return read

    def _one(self, text: str) -> Any:
        value = self.convert(text)
        if value is None:
            raise InvalidRequest(f"Expected another type than of {text!r} (at {self.wire})")
        problem = self.check(value)
        if problem is not None:
            raise InvalidRequest(f"{problem} (got {text[:100]!r}) at {self.wire}")
        return value


def _unwrap(described: Any) -> tuple[Any, dict[str, Any]]:
    """Without `| None` and metadata; and the metadata."""
    extra: dict[str, Any] = {}
    while True:
        if isinstance(described, msgspec.inspect.Metadata):
            extra |= described.extra_json_schema or {}
            described = described.type
        elif isinstance(described, msgspec.inspect.UnionType):
            (described,) = (one for one in described.types if not isinstance(one, msgspec.inspect.NoneType))
        else:
            return described, extra


def _converter(described: Any) -> Callable[[str], Any]:
    if isinstance(described, msgspec.inspect.IntType):
        return lambda text: int(text) if _INTEGER.fullmatch(text) and len(text) < 20 else None
    if isinstance(described, msgspec.inspect.BoolType):
        return {"true": True, "false": False}.get
    return lambda text: text


def _checker(described: Any, extra: dict[str, Any]) -> Callable[[Any], str | None]:
    if isinstance(described, msgspec.inspect.IntType):
        low, high = described.ge, described.le

        def check_integer(value: int) -> str | None:
            if low is not None and value < low:
                return f"integer too small (minimum {low})"
            if high is not None and value > high:
                return f"integer too big (maximum {high})"
            return None

        return check_integer
    if isinstance(described, msgspec.inspect.StrType):
        name = extra.get("format")
        accepts = FORMATS[name] if name is not None else None
        longest = described.max_length

        def check_text(value: str) -> str | None:
            if longest is not None and len(value.encode()) > longest:
                return f"string too big (maximum {longest})"
            if accepts is not None and not accepts(value):
                return f"Invalid {name}"
            return None

        return check_text
    return lambda _: None


@cache
def _fields(kind: type[Parameters]) -> dict[str, _Field]:
    hints = get_type_hints(kind, include_extras=True)
    return {
        field.encode_name: _Field(field.name, field.encode_name, hints[field.name])
        for field in msgspec.structs.fields(kind)
    }


def pairs(query: str) -> list[tuple[str, str]]:
    """The names and values in a query string, as `parse_qsl` gives them, which takes its time."""
    if "%" in query or "+" in query:
        return parse_qsl(query)
    split = (part.partition("=") for part in query.split("&"))
    return [(name, value) for name, _, value in split if value]


def parse_parameters(kind: type[P], query: str) -> P:
    """The parameters in a query string (without `?`). InvalidRequest where they do not fit."""
    fields = _fields(kind)
    found: dict[str, list[str]] = {}
    for name, value in pairs(query):
        if name not in fields and name.endswith("]"):
            name = name.partition("[")[0]
        if name in fields:
            found.setdefault(name, []).append(value)
    values = {fields[wire].name: fields[wire].read(given) for wire, given in found.items()}
    try:
        return kind(**values)
    except TypeError:
        missing = [
            field.encode_name
            for field in msgspec.structs.fields(kind)
            if field.required and field.encode_name not in found
        ]
        raise InvalidRequest(f"Missing required key {', '.join(map(repr, missing))}") from None


remembered_parameters: Callable[[type[Any], str], Any] = cast(Any, lru_cache(maxsize=4096)(parse_parameters))
"""The same for queries that come again and again; parameters never change."""
