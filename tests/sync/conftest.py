"""Shared by the tests of sync: where the official vectors are, and accounts with real keys."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("INDEXER_SHARED", ROOT.parent / "shared"))


@pytest.fixture(scope="session")
def interop() -> Path:
    """The directory of the official interoperability vectors; skips the test where they are missing."""
    path = SHARED / "vectors" / "interop"
    if not path.is_dir():
        pytest.skip(f"the official test vectors are not at {path} (set INDEXER_SHARED)")
    return path
