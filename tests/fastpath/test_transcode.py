"""DAG-CBOR to JSON: what the data model says, character by character safe for any JSON reader."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import orjson
from hypothesis import given

from indexer._fastpath import cbor, transcode
from indexer._fastpath.cid import CID
from tests.fastpath.values import values


def expected(value: Any) -> Any:
    """The data model's JSON form, the slow way."""
    if isinstance(value, CID):
        return {"$link": str(value)}
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode().rstrip("=")}
    if isinstance(value, dict):
        return {key: expected(item) for key, item in value.items()}
    if isinstance(value, list):
        return [expected(item) for item in value]
    return value


@given(values)
def test_any_value(value: Any) -> None:
    data = transcode.to_json(cbor.encode(value))
    assert json.loads(data) == expected(value)
    assert orjson.loads(data) == expected(value)


def test_every_single_character_escape() -> None:
    for number in [*range(0x100), 0x2028, 0xFFFF, 0x10FFFF]:
        for text in (chr(number), "x" * 15 + chr(number) + "y" * 20):
            assert json.loads(transcode.to_json(cbor.encode(text))) == text
    assert (
        transcode.to_json(cbor.encode('\x00\x1f"\\\n\t\r\b\f')) == b'"\\u0000\\u001f\\"\\\\\\n\\t\\r\\b\\f"'
    )


def test_text_that_grows_sixfold() -> None:
    text = "\x01" * 100_000
    assert json.loads(transcode.to_json(cbor.encode([text, text]))) == [text, text]


def test_tolerated_floats() -> None:
    assert json.loads(transcode.to_json(b"\xfb\x3f\xb9\x99\x99\x99\x99\x99\x9a", cbor.TOLERATE_FLOATS)) == 0.1


def test_the_data_models_fixtures(interop: Callable[[str], Any]) -> None:
    for fixture in interop("data-model/data-model-fixtures.json"):
        data = base64.b64decode(fixture["cbor_base64"] + "==")
        assert json.loads(transcode.to_json(data)) == fixture["json"]
