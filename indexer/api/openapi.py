"""The API described in OpenAPI 3.1, made of the lexicons of the methods that are served.

Owns the translation of lexicon types to JSON Schema (Lexicon specification). Refuses to describe anything by hand: a
method's parameters, input and answer are what its lexicon says, the rest (who may call it) what its endpoint says.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from indexer import __version__
from indexer.api.auth import Mode
from indexer.api.endpoint import Endpoint
from indexer.api.lexicons import Schema, definition, lexicon
from indexer.api.router import all_endpoints

# Patterns of the string formats, as far as regular expressions go.
_DID = r"did:[a-z]+:[A-Za-z0-9._:%-]*[A-Za-z0-9._-]"
_HANDLE = r"([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_NSID = (
    r"[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)+"
    r"\.[A-Za-z][A-Za-z0-9]{0,62}"
)
_PATTERNS = {
    "did": _DID,
    "handle": _HANDLE,
    "at-identifier": f"({_DID}|{_HANDLE})",
    "at-uri": rf"at://({_DID}|{_HANDLE})(/{_NSID}(/[A-Za-z0-9._~:-]{{1,512}})?)?",
    "nsid": _NSID,
    "cid": r"[a-zA-Z0-9+=]{8,256}",
    "datetime": r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,20})?(Z|[+-][0-9]{2}:[0-9]{2})",
    "language": r"(i|[a-z]{2,3})(-[a-zA-Z0-9]+)*",
    "record-key": r"[A-Za-z0-9._~:-]{1,512}",
    "tid": r"[234567a-j][234567a-z]{12}",
    "uri": r"[a-z][a-z.-]{0,80}:\S+",
}

_ERROR: Schema = {
    "type": "object",
    "required": ["error", "message"],
    "properties": {"error": {"type": "string"}, "message": {"type": "string"}},
}
_OPTIONAL = frozenset({Mode.STANDARD_OPTIONAL, Mode.OPTIONAL_STANDARD_OR_ROLE})
_OPERATOR_ONLY = frozenset({Mode.ROLE, Mode.ROLE_OR_MODERATION})


@cache
def describe() -> Schema:
    """The description of all methods that are served (a JSON document)."""
    schemas = _Schemas()
    paths = {f"/xrpc/{nsid}": _path(endpoint, schemas) for nsid, endpoint in sorted(all_endpoints().items())}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "indexer",
            "version": __version__,
            "description": "An AppView for the AT Protocol: the app.bsky.* methods that it serves.",
        },
        "paths": paths,
        "components": {
            "schemas": {"error": _ERROR, **dict(sorted(schemas.made.items()))},
            "securitySchemes": {
                "account": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "operator": {"type": "http", "scheme": "basic"},
            },
        },
    }


def _path(endpoint: Endpoint[Any], schemas: _Schemas) -> Schema:
    nsid = endpoint.nsid
    main = lexicon(nsid)["defs"]["main"]
    operation: Schema = {"operationId": nsid, "tags": [nsid.rpartition(".")[0]]}
    if "description" in main:
        operation["description"] = main["description"]
    security = _security(endpoint.auth)
    if security is not None:
        operation["security"] = security
    if endpoint.body is None:
        operation["parameters"] = _parameters(main.get("parameters", {}), nsid, schemas)
    else:
        operation["requestBody"] = {"required": True, "content": _content(main["input"], nsid, schemas)}
    success: Schema = {"description": "The answer"}
    if "output" in main:
        success["content"] = _content(main["output"], nsid, schemas)
    refusal: Schema = {
        "description": "Refused: " + ", ".join(error["name"] for error in main.get("errors", ()))
        if main.get("errors")
        else "Refused",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/error"}}},
    }
    operation["responses"] = {"200": success, "4XX": refusal}
    return {"get" if endpoint.body is None else "post": operation}


def _security(mode: Mode | None) -> list[Schema] | None:
    if mode is None:
        return None
    if mode in _OPERATOR_ONLY:
        return [{"operator": []}]
    return [{"account": []}, {}] if mode in _OPTIONAL else [{"account": []}]


def _parameters(defined: Schema, nsid: str, schemas: _Schemas) -> list[Schema]:
    return [
        {
            "name": name,
            "in": "query",
            "required": name in defined.get("required", ()),
            "schema": schemas.of(kind, nsid),
            **({"description": kind["description"]} if "description" in kind else {}),
        }
        for name, kind in defined.get("properties", {}).items()
    ]


def _content(body: Schema, nsid: str, schemas: _Schemas) -> Schema:
    return {body["encoding"]: {"schema": schemas.of(body["schema"], nsid) if "schema" in body else {}}}


class _Schemas:
    """JSON Schemas of lexicon types. `made`: those of named definitions, which the others refer to."""

    def __init__(self) -> None:
        self.made: dict[str, Schema] = {}

    def of(self, kind: Schema, home: str) -> Schema:
        """The schema of a type that stands in the lexicon `home`."""
        match kind["type"]:
            case "ref":
                return self._reference(kind["ref"], home)
            case "union":
                return self._union(kind, home)
            case "object":
                return self._object(kind, home)
            case "record":
                return self.of(kind["record"], home)
            case "array":
                made: Schema = {"type": "array", "items": self.of(kind["items"], home)}
                return _limited(made, kind, minLength="minItems", maxLength="maxItems")
            case "string":
                return _text(kind)
            case "integer":
                return _limited(
                    {"type": "integer"}, kind, minimum="minimum", maximum="maximum", default="default",
                    const="const", enum="enum",
                )  # fmt: skip
            case "boolean":
                return _limited({"type": "boolean"}, kind, default="default", const="const")
            case "blob":
                return {"type": "object", "anyOf": [{"required": ["ref"]}, {"required": ["cid"]}]}
            case "bytes":
                return {"type": "object", "required": ["$bytes"]}
            case "cid-link":
                return {"type": "object", "required": ["$link"]}
            case "token":
                return {"type": "string"}
        return {"type": "object"}  # unknown: any object

    def _reference(self, reference: str, home: str) -> Schema:
        nsid, name, found = definition(reference, home)
        key = nsid if name == "main" else f"{nsid}.{name}"
        if key not in self.made:
            self.made[key] = {}  # so that what refers to itself ends
            self.made[key] = self.of(found, nsid)
        return {"$ref": f"#/components/schemas/{key}"}

    def _union(self, kind: Schema, home: str) -> Schema:
        """One of the members, told by $type; an open union admits others under other names."""
        names: list[str] = []
        members: list[Schema] = []
        for reference in kind["refs"]:
            nsid, name, _ = definition(reference, home)
            names.append(nsid if name == "main" else f"{nsid}#{name}")
            told: Schema = {"required": ["$type"], "properties": {"$type": {"const": names[-1]}}}
            parts: list[Schema] = [self._reference(reference, home), told]
            members.append({"allOf": parts})
        if not kind.get("closed"):
            other = {"type": "string", "not": {"enum": names}}
            members.append({"type": "object", "required": ["$type"], "properties": {"$type": other}})
        return {"anyOf": members}

    def _object(self, kind: Schema, home: str) -> Schema:
        nullable = kind.get("nullable", ())
        properties: Schema = {}
        for name, part in kind.get("properties", {}).items():
            made = self.of(part, home)
            properties[name] = {"anyOf": [made, {"type": "null"}]} if name in nullable else made
        found: Schema = {"type": "object", "properties": properties}
        if kind.get("required"):
            found["required"] = list(kind["required"])
        return found


def _text(kind: Schema) -> Schema:
    # maxLength counts bytes of UTF-8 in lexicons and characters here: never stricter than the lexicon.
    made = _limited(
        {"type": "string"}, kind, maxLength="maxLength", enum="enum", const="const", default="default"
    )
    if "format" in kind:
        made["pattern"] = f"^{_PATTERNS[kind['format']]}$"
        if kind["format"] != "uri":  # JSON Schema's own is stricter: DIDs are no authorities to it
            made["format"] = kind["format"]
    return made


def _limited(made: Schema, kind: Schema, **names: str) -> Schema:
    """`made`, with the limits of the lexicon type under their names in JSON Schema."""
    return made | {theirs: kind[ours] for ours, theirs in names.items() if ours in kind}
