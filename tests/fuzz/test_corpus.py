"""The committed corpus of each fuzz target, as a plain test: what was found once is never found again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz import websocket

CORPUS = Path(__file__).parent / "corpus"


@pytest.mark.parametrize("path", sorted((CORPUS / "websocket").iterdir()), ids=lambda path: path.name)
def test_websocket(path: Path) -> None:
    websocket.one_input(path.read_bytes())
