"""DID documents: real ones from a PLC directory, and the rules about ids, types and order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import zstandard
from coincurve import PublicKey
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import IdentityError
from indexer.sync.did_document import DidDocument, parse_did_document
from indexer.sync.keys import encode_base58btc, parse_did_key

DID = "did:plc:ewvi7nxzyoun6zhxrhs64oiz"
KEY = "zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme"
OTHER_KEY = "zDnaeTiq1PdzvZXUaMdezchcMJQpBdH2VN4pgrrEhMCCbmwSb"


def document(**changes: object) -> bytes:
    base: dict[str, object] = {
        "@context": ["https://www.w3.org/ns/did/v1"],
        "id": DID,
        "alsoKnownAs": ["https://blog.example.com", "at://Alice.Example.com", "at://second.example.com"],
        "verificationMethod": [
            {"id": f"{DID}#atproto", "type": "Multikey", "controller": DID, "publicKeyMultibase": KEY}
        ],
        "service": [
            {
                "id": "#atproto_pds",
                "type": "AtprotoPersonalDataServer",
                "serviceEndpoint": "https://pds.example.com/",
            }
        ],
    }
    return json.dumps(base | changes).encode()


def parse(**changes: object) -> DidDocument:
    return parse_did_document(document(**changes), DID)


def test_the_usual_document() -> None:
    parsed = parse()
    assert parsed.signing_key == parse_did_key(f"did:key:{KEY}")
    assert parsed.pds == "https://pds.example.com"
    assert parsed.handle == "alice.example.com"


def test_documents_of_a_real_directory(shared_directory: Path) -> None:
    path = shared_directory / "vectors" / "pds-frames" / "basic.did_docs.json.zst"
    with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as reader:
        documents: dict[str, Any] = json.loads(reader.read())
    assert documents
    for did, recorded in documents.items():
        parsed = parse_did_document(json.dumps(recorded).encode(), did)
        written = recorded["verificationMethod"][0]["publicKeyMultibase"]
        key = parsed.signing_key
        assert key is not None
        # This directory writes the legacy form: the uncompressed point without a codec.
        assert written == "z" + encode_base58btc(PublicKey(key[1:]).format(compressed=False))
        assert parsed.pds == recorded["service"][0]["serviceEndpoint"]
        assert parsed.handle == recorded["alsoKnownAs"][0].removeprefix("at://")


def method(identifier: str, key: str = OTHER_KEY, kind: str = "Multikey") -> dict[str, str]:
    return {"id": identifier, "type": kind, "controller": DID, "publicKeyMultibase": key}


@pytest.mark.parametrize(
    ("methods", "expected"),
    [
        ([method("#atproto", KEY), method("#atproto")], KEY),
        ([method("#atproto_label"), method(f"{DID}#atproto", KEY)], KEY),
        ([method("did:plc:zzzzzzzzzzzzzzzzzzzzzzzz#atproto"), method("#atproto", KEY)], KEY),
        ([method("#atproto", "zbroken"), method("#atproto", KEY)], None),
        ([method("atproto", KEY)], None),
        ([method("#atproto", KEY, "JsonWebKey2020")], None),
        ([{"id": "#atproto"}], None),
        (["#atproto", None, 7, {}], None),
        ({"#atproto": KEY}, None),
    ],
)
def test_which_key_signs(methods: object, expected: str | None) -> None:
    wanted = None if expected is None else parse_did_key(f"did:key:{expected}")
    assert parse(verificationMethod=methods).signing_key == wanted


@pytest.mark.parametrize(
    "endpoint",
    [
        "ftp://pds.example.com",
        "pds.example.com",
        {"uri": "https://pds.example.com"},
        "https://",
        "http://h:99999",
        7,
    ],
)
def test_an_endpoint_that_is_no_web_address_is_none(endpoint: object) -> None:
    service = {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": endpoint}
    assert parse(service=[service]).pds is None


def test_a_service_of_another_type_is_no_pds() -> None:
    service = {"id": "#atproto_pds", "type": "Other", "serviceEndpoint": "https://pds.example.com"}
    assert parse(service=[service]).pds is None


@pytest.mark.parametrize(
    "aliases", [[], ["at://"], ["at://not_a_handle"], "at://a.example.com", [1, None], None]
)
def test_no_handle(aliases: object) -> None:
    assert parse(alsoKnownAs=aliases).handle is None


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"{", b'{"id": "did:plc:other"}', b'{"id": 7}'])
def test_what_is_no_document_of_this_did_is_refused(data: bytes) -> None:
    with pytest.raises(IdentityError, match=DID):
        parse_did_document(data, DID)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.sampled_from(["#atproto", "at://a.b", "Multikey", KEY, ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "type", "publicKeyMultibase", "serviceEndpoint"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(json_values, json_values, json_values)
def test_no_shape_inside_breaks_it(aliases: object, methods: object, services: object) -> None:
    parse(alsoKnownAs=aliases, verificationMethod=methods, service=services)
