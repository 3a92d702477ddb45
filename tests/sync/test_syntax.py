"""DID and handle syntax against the official vectors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from indexer.sync.syntax import is_did, is_handle, is_plc, web_authority


@pytest.mark.parametrize(("name", "check"), [("did", is_did), ("handle", is_handle)])
@pytest.mark.parametrize("expected", [True, False])
def test_vectors(interop: Path, name: str, check: Callable[[str], bool], expected: bool) -> None:
    path = interop / "syntax" / f"{name}_syntax_{'valid' if expected else 'invalid'}.txt"
    cases = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    assert cases
    assert [case for case in cases if check(case) is not expected] == []


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
