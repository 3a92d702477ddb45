"""The two DID methods."""

from __future__ import annotations

import pytest

from indexer.sync.identifiers import is_plc, web_authority


def test_plc_is_exactly_24_characters_of_base32() -> None:
    assert is_plc("did:plc:ewvi7nxzyoun6zhxrhs64oiz")
    assert not is_plc("did:plc:ewvi7nxzyoun6zhxrhs64oi")
    assert not is_plc("did:plc:EWVI7NXZYOUN6ZHXRHS64OIZ")
    assert not is_plc("did:web:example.com")


@pytest.mark.parametrize(
    ("did", "expected"),
    [
        ("did:web:example.com", ("example.com", None)),
        ("did:web:localhost%3A8080", ("localhost", 8080)),
        ("did:web:localhost%3a8080", ("localhost", 8080)),
        ("did:web:example.com:user:alice", None),
        ("did:web:example.com%3A0", None),
        ("did:web:example.com%3A70000", None),
        ("did:web:example.com%2Fpath", None),
        ("did:web:user%40example.com", None),
        ("did:plc:ewvi7nxzyoun6zhxrhs64oiz", None),
    ],
)
def test_did_web_names_a_host_and_nothing_else(did: str, expected: tuple[str, int | None] | None) -> None:
    assert web_authority(did) == expected
